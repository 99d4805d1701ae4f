/* Loops as C programs have them: sorting, hashing, sieving, recursion. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t sieve(int n) {
    char *p = calloc(n + 1, 1);
    uint32_t count = 0;
    for (int i = 2; i <= n; i++) {
        if (p[i]) continue;
        count++;
        for (long j = (long)i * i; j <= n; j += i) p[j] = 1;
    }
    free(p);
    return count;
}

static int cmp(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t sorted(int n) {
    uint32_t *v = malloc(n * sizeof *v), x = 1, h = 0;
    for (int i = 0; i < n; i++) v[i] = x = x * 1664525 + 1013904223;
    qsort(v, n, sizeof *v, cmp);
    for (int i = 0; i < n; i++) h = h * 31 + v[i];
    free(v);
    return h;
}

static uint32_t fnv(const char *s, size_t n) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)s[i]) * 16777619u;
    return h;
}

static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static double matrix(int n) {
    double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b), *c = calloc(n * n, sizeof *c), s = 0;
    for (int i = 0; i < n * n; i++) a[i] = i % 7, b[i] = i % 5;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < n; k++) c[i * n + j] += a[i * n + k] * b[k * n + j];
    for (int i = 0; i < n * n; i++) s += c[i];
    free(a), free(b), free(c);
    return s;
}

int main(void) {
    static char buf[1 << 16];
    memset(buf, 'x', sizeof buf);
    uint32_t h = 0;
    for (int i = 0; i < 20; i++) h += fnv(buf, sizeof buf);
    printf("sieve %u sort %u fnv %u fib %d matrix %.0f\n", sieve(1000000), sorted(100000), h, fib(24), matrix(100));
    return 5;
}
