/* Lets one system call of a process fail, or be its last: what `testing/faults/sweep` puts below the command.
 *
 * Calls are counted on regular files below the folder FAULT_ROOT, each as `kind name`, kind being one of
 * write sync open read rename unlink link truncate mkdir. Every counted call is written as a line of FAULT_LOG, if that
 * is set. The call that is the FAULT_AT-th of all fails with the number FAULT_ERRNO; with FAULT_ERRNO=kill the process
 * is gone before it, with FAULT_ERRNO=short a write stops after half of its bytes. Nothing else is changed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

enum { PASS, FAIL, SHORT };

static long counted;
static int log_fd = -1;

/* Notes a call on a path, and says what becomes of it. */
static int judge(const char *kind, const char *path) {
    static __thread int inside;
    const char *root = getenv("FAULT_ROOT"), *at = getenv("FAULT_AT"), *what = getenv("FAULT_ERRNO");
    const char *log = getenv("FAULT_LOG");
    if (inside || !root || !path || strncmp(path, root, strlen(root)) != 0) return PASS;
    inside = 1;
    long n = __sync_add_and_fetch(&counted, 1);
    if (log) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%ld %s %s\n", n, kind, path + strlen(root));
        if (log_fd < 0) {
            REAL(open64);
            log_fd = real(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        }
        REAL(write);
        if (log_fd >= 0 && real(log_fd, line, (size_t)length) < 0) _exit(99);
    }
    inside = 0;
    if (!at || n != atol(at) || !what) return PASS;
    if (strcmp(what, "kill") == 0) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    if (strcmp(what, "short") == 0) return SHORT;
    errno = atoi(what);
    return FAIL;
}

static int judge_fd(const char *kind, int fd) {
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return PASS;
    path[length] = 0;
    return judge(kind, path);
}

static int judge_at(const char *kind, int folder, const char *path) {
    return folder == AT_FDCWD || path[0] == '/' ? judge(kind, path) : PASS;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    int fate = judge_fd("write", fd);
    return fate == FAIL ? -1 : real(fd, bytes, fate == SHORT && size > 1 ? size / 2 : size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    return judge_fd("write", fd) == FAIL ? -1 : real(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
    REAL(pwrite64);
    int fate = judge_fd("write", fd);
    return fate == FAIL ? -1 : real(fd, bytes, fate == SHORT && size > 1 ? size / 2 : size, offset);
}

ssize_t read(int fd, void *bytes, size_t size) {
    REAL(read);
    return judge_fd("read", fd) == FAIL ? -1 : real(fd, bytes, size);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t offset) {
    REAL(pread64);
    return judge_fd("read", fd) == FAIL ? -1 : real(fd, bytes, size, offset);
}

int fsync(int fd) {
    REAL(fsync);
    return judge_fd("sync", fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return judge_fd("sync", fd) ? -1 : real(fd);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return judge(flags & (O_WRONLY | O_RDWR) ? "open-to-write" : "open", path) ? -1 : real(path, flags, mode);
}

DIR *opendir(const char *path) {
    REAL(opendir);
    return judge("open", path) ? NULL : real(path);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return judge("rename", to) ? -1 : real(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    REAL(renameat2);
    return judge_at("rename", to_dir, to) ? -1 : real(from_dir, from, to_dir, to, flags);
}

int unlink(const char *path) {
    REAL(unlink);
    return judge("unlink", path) ? -1 : real(path);
}

int link(const char *from, const char *to) {
    REAL(link);
    return judge("link", to) ? -1 : real(from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    REAL(linkat);
    return judge_at("link", to_dir, to) ? -1 : real(from_dir, from, to_dir, to, flags);
}

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    return judge_fd("truncate", fd) ? -1 : real(fd, length);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return judge("mkdir", path) ? -1 : real(path, mode);
}
