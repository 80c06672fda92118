/** The test programs whose objects are damaged: between them they hold everything that an object can hold. */
export const fuzzSources: readonly string[] = [
  'object/everything.bpf.c',
  'object/callback.bpf.c',
  'object/declarations.c',
  'object/ksyms.bpf.c',
  'core/fields.bpf.c',
  'core/types.bpf.c',
  'codegen/sample.bpf.c',
];
