/* What Debian's C++ library takes from glibc and musl does not have. Alpine's is built for musl and wants none of it. */
#include <stddef.h>

struct tm;
struct locale;

size_t strftime_l(char *to, size_t size, const char *format, const struct tm *time, struct locale *locale);
unsigned long strtoul(const char *text, char **end, int base);
int getentropy(void *to, size_t size);

char __libc_single_threaded = 0;

struct {
  unsigned int vendor, type, subtype, features;
} __cpu_model;

int __cpu_indicator_init(void) {
  return 0;
}

size_t __strftime_l(char *to, size_t size, const char *format, const struct tm *time, struct locale *locale) {
  return strftime_l(to, size, format, time, locale);
}

unsigned long __isoc23_strtoul(const char *text, char **end, int base) {
  return strtoul(text, end, base);
}

unsigned int arc4random(void) {
  unsigned int value = 0;
  getentropy(&value, sizeof value);
  return value;
}

/* The unwinder then looks through the list of libraries. */
int _dl_find_object(void *address, void *result) {
  return -1;
}

/* Destructors of threads' variables do not run: the tests end the process. */
int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library) {
  return 0;
}

/* Nothing here reads or writes numbers of 128 bits. */
int strfromf128(char *to, size_t size, const char *format, __float128 value) {
  return -1;
}

__float128 strtof128(const char *text, char **end) {
  return 0;
}
