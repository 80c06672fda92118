/* The measurements of bench/src/ebpf by libbpf: libbpf OBJECT btf|load|maps|ring. Prints JSON. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The ring of an object that is only loaded: the kernel takes longer to clear a large one than a load takes. */
static const unsigned int SMALL_RING = 256 * 1024;

enum { KEYS = 10000, PASSES = 20, WARM_UP = 3, RECORDS = 400000, FILLS = 8, LOADS = 5, BATCH = 1000 };

struct record {
	__u64 time, bytes;
	__u32 pid, parent;
	__u16 kind, flags;
	__u32 cpu;
};

static __u64 sum;

/* CPU time of this process, nanoseconds. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static long resident_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	perror(what);
	exit(1);
}

/* With the ring of this size, or the object's own. */
static struct bpf_object *load(const char *path, unsigned int ring)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);

	check(!object, "open");
	if (ring)
		bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "records"), ring);
	check(bpf_object__load(object), "load");
	return object;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, count, sizeof(*values), by_size);
	return values[count / 2];
}

static void measure_btf(void)
{
	long before = resident_kib();
	double start = now();
	struct btf *btf = btf__load_vmlinux_btf();

	check(!btf || btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT) < 0, "btf");
	printf("{\"btfMs\":%f,\"btfKib\":%ld}\n", (now() - start) / 1e6, resident_kib() - before);
}

static void measure_load(const char *path)
{
	double again[LOADS], start = now(), first;
	struct bpf_object *object = load(path, SMALL_RING);
	long resident;

	first = now() - start;
	resident = resident_kib();
	for (int i = 0; i < LOADS; i++) {
		struct bpf_object *next;

		start = now();
		next = load(path, SMALL_RING);
		again[i] = now() - start;
		bpf_object__close(next);
	}
	bpf_object__close(object);
	printf("{\"loadFirstMs\":%f,\"loadAgainMs\":%f,\"residentKib\":%ld}\n", first / 1e6,
	       median(again, LOADS) / 1e6, resident);
}

static double update(int fd)
{
	double start = now();

	for (__u32 key = 0; key < KEYS; key++) {
		__u64 value = key;

		check(bpf_map_update_elem(fd, &key, &value, BPF_ANY), "update");
	}
	return now() - start;
}

static double lookup(int fd)
{
	double start = now();

	for (__u32 key = 0; key < KEYS; key++) {
		__u64 value;

		check(bpf_map_lookup_elem(fd, &key, &value), "lookup");
		sum += value;
	}
	return now() - start;
}

static double keys(int fd)
{
	__u32 key, *before = NULL;
	double start = now();

	while (bpf_map_get_next_key(fd, before, &key) == 0) {
		sum += key;
		before = &key;
	}
	return now() - start;
}

static double entries(int fd)
{
	static __u32 keys[BATCH];
	static __u64 values[BATCH];
	__u32 place, *from = NULL, count = BATCH;
	double start = now();

	for (int result = 0; result == 0; from = &place, count = BATCH) {
		result = bpf_map_lookup_batch(fd, from, &place, keys, values, &count, NULL);
		for (__u32 i = 0; i < count; i++)
			sum += keys[i] + values[i];
	}
	return now() - start;
}

static double measured(double (*pass)(int), int fd)
{
	double times[PASSES];

	for (int i = 0; i < WARM_UP; i++)
		pass(fd);
	for (int i = 0; i < PASSES; i++)
		times[i] = pass(fd);
	return median(times, PASSES) / KEYS;
}

static void measure_maps(const char *path)
{
	struct bpf_object *object = load(path, 0);
	int fd = bpf_object__find_map_fd_by_name(object, "table");
	double updated = measured(update, fd), found = measured(lookup, fd);
	double walked = measured(keys, fd), read = measured(entries, fd);

	printf("{\"updateNs\":%f,\"lookupNs\":%f,\"keysNs\":%f,\"entriesNs\":%f}\n", updated, found, walked, read);
}

static int on_record(void *context, void *data, size_t size)
{
	sum += ((struct record *)data)->bytes + ((struct record *)data)->pid;
	return 0;
}

static void measure_ring(const char *path)
{
	struct bpf_object *object = load(path, 0);
	int program = bpf_program__fd(bpf_object__find_program_by_name(object, "fill"));
	int map = bpf_object__find_map_fd_by_name(object, "records");
	struct ring_buffer *ring = ring_buffer__new(map, on_record, NULL, NULL);
	double times[FILLS];
	char packet[64] = {};

	check(!ring, "ring");
	for (int i = 0; i < FILLS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
			    .repeat = RECORDS);
		double start;

		check(bpf_prog_test_run_opts(program, &options), "fill");
		start = now();
		check(ring_buffer__consume(ring) != RECORDS, "consume");
		times[i] = now() - start;
	}
	printf("{\"objectNs\":%f}\n", median(times, FILLS) / RECORDS);
}

int main(int count, char **arguments)
{
	const char *what = count == 3 ? arguments[2] : "";

	if (strcmp(what, "btf") == 0)
		measure_btf();
	else if (strcmp(what, "load") == 0)
		measure_load(arguments[1]);
	else if (strcmp(what, "maps") == 0)
		measure_maps(arguments[1]);
	else if (strcmp(what, "ring") == 0)
		measure_ring(arguments[1]);
	else
		return 2;
	return sum == 1;
}
