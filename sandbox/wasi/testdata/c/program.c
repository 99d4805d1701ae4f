// A program of wasi-libc that does one thing that its first argument names, for the tests.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what) {
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

static int cat(const char *name) {
	FILE *f = fopen(name, "r");
	if (!f) return fail(name);
	int c;
	while ((c = getc(f)) != EOF) putchar(c);
	fclose(f);
	return 0;
}

static int files(void) {
	if (mkdir("/tmp/d", 0777)) return fail("mkdir");
	FILE *f = fopen("/tmp/d/f", "w+");
	if (!f) return fail("fopen");
	fputs("hello, world\n", f);
	rewind(f);
	char line[64];
	if (!fgets(line, sizeof line, f) || strcmp(line, "hello, world\n")) return fail("fgets");
	fclose(f);
	if (rename("/tmp/d/f", "/tmp/d/g")) return fail("rename");
	struct stat st;
	if (stat("/tmp/d/g", &st) || st.st_size != 13 || !S_ISREG(st.st_mode)) return fail("stat");
	if (symlink("g", "/tmp/d/s")) return fail("symlink");
	char target[8] = {0};
	if (readlink("/tmp/d/s", target, 8) != 1 || target[0] != 'g') return fail("readlink");
	DIR *d = opendir("/tmp/d");
	if (!d) return fail("opendir");
	int n = 0;
	for (struct dirent *e; (e = readdir(d));) n++;
	closedir(d);
	if (n != 4) return fail("readdir"); // with . and ..
	if (unlink("/tmp/d/g") || unlink("/tmp/d/s") || rmdir("/tmp/d")) return fail("unlink");
	if (stat("/tmp/d", &st) == 0 || errno != ENOENT) return fail("stat of what is gone");
	return 0;
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "cat")) {
		for (int i = 2; i < argc; i++)
			if (cat(argv[i])) return 1;
		return 0;
	}
	if (!strcmp(what, "files")) return files();
	if (!strcmp(what, "create")) {
		FILE *f = fopen(argv[2], "w");
		if (!f) return fail(argv[2]);
		return fclose(f);
	}
	if (!strcmp(what, "args")) {
		for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
		printf("%s\n", getenv("A"));
		return 7;
	}
	if (!strcmp(what, "tty")) {
		printf("%d%d%d\n", isatty(0), isatty(1), isatty(open("/dev/null", O_RDONLY)));
		return 0;
	}
	if (!strcmp(what, "upper")) {
		int c;
		while ((c = getchar()) != EOF) putchar(c >= 'a' && c <= 'z' ? c - 32 : c);
		return 0;
	}
	if (!strcmp(what, "abort")) abort();
	if (!strcmp(what, "divide")) {
		volatile int zero = argc - 2;
		return 100 / zero;
	}
	if (!strcmp(what, "fault")) {
		volatile int *p = (int *)0xfffffff0;
		return *p;
	}
	if (!strcmp(what, "sleep")) {
		puts("started");
		fflush(stdout);
		sleep(3600);
	}
	return 99;
}
