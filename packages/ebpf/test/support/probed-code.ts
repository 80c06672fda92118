/** The machine code of the program with probes, which is made byte by byte: machines under test need no compiler. */

const le = (value: number, size = 4): number[] =>
  Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);

export const textAddress = 0x401000;
export const dataAddress = 0x603000;
/** What lies in the data: a byte to read into, the semaphore, and two numbers, of which the second is named. */
export const data = {
  buffer: dataAddress,
  semaphore: dataAddress + 0x10,
  number: dataAddress + 0x20,
} as const;

export interface ProbedCode {
  /** EM_* of ELF. */
  readonly machine: number;
  /** Calls `fire`, which follows it, for each byte that it reads from standard input. */
  readonly main: readonly number[];
  /** What `fire` does before its two probes: it skips the first unless the semaphore is raised. */
  readonly fireHead: readonly number[];
  readonly nop: readonly number[];
  readonly return: readonly number[];
  /** Where the first probe says that its arguments are. */
  readonly places: string;
}

const x64: ProbedCode = {
  machine: 62,
  main: [
    ...[0x31, 0xc0, 0x31, 0xff], // xor eax, eax (read); xor edi, edi
    ...[0xbe, ...le(data.buffer), 0xba, ...le(1)], // mov esi, buffer; mov edx, 1
    ...[0x0f, 0x05, 0x83, 0xf8, 0x01], // syscall; cmp eax, 1
    ...[0x75, 0x07, 0xe8, ...le(0x0d), 0xeb, 0xe4], // jne exit; call fire; jmp main
    ...[0xb8, ...le(60), 0x31, 0xff, 0x0f, 0x05], // exit: mov eax, 60; xor edi, edi; syscall
    ...[0x90, 0x90],
  ],
  fireHead: [
    ...[0x48, 0xc7, 0xc7, ...le(-7)], // mov rdi, -7
    ...[0xbe, ...le(data.number - 8), 0xba, ...le(2)], // mov esi, number - 8; mov edx, 2
    ...[0x66, 0x83, 0x3c, 0x25, ...le(data.semaphore), 0x00], // cmp word [semaphore], 0
    ...[0x74, 0x01], // je plain
  ],
  nop: [0x90],
  return: [0xc3],
  places: '-4@%edi 8@8(%rsi) 4@$42 -8@-16(%rsi,%rdx,8) 8f@%xmm0',
};

/** mov xN, the address of something in the data: movz, and movk for the upper half. */
const arm64Address = (register: number, address: number): number[] =>
  [0xd2800000 + (address & 0xffff) * 32, 0xf2a00000 + Math.floor(address / 0x10000) * 32].flatMap((code) =>
    le(code + register),
  );

const arm64: ProbedCode = {
  machine: 183,
  main: [
    ...le(0xd2800000), // mov x0, 0
    ...arm64Address(1, data.buffer),
    ...[...le(0xd2800022), ...le(0xd28007e8)], // mov x2, 1; mov x8, 63 (read)
    ...[...le(0xd4000001), ...le(0xf100041f)], // svc 0; cmp x0, 1
    ...[...le(0x54000061), ...le(0x94000005), ...le(0x17fffff7)], // b.ne exit; bl fire; b main
    ...[...le(0xd2800ba8), ...le(0xd2800000), ...le(0xd4000001)], // exit: mov x8, 93; mov x0, 0; svc 0
  ],
  fireHead: [
    ...le(0x928000c0), // mov x0, -7
    ...arm64Address(1, data.number - 8),
    ...le(0xd2800042), // mov x2, 2
    ...arm64Address(3, data.semaphore),
    ...[...le(0x79400063), ...le(0x34000043)], // ldrh w3, [x3]; cbz w3, plain
  ],
  nop: le(0xd503201f),
  return: le(0xd65f03c0),
  places: '-4@w0 8@[x1, 8] 4@42 -8@[x1] 8f@d0',
};

export const probedCode: ProbedCode = process.arch === 'arm64' ? arm64 : x64;
