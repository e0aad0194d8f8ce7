/* Lets one system call of a process fail, or be its last: what `testing/faults/sweep` puts below the command.
 *
 * Calls are counted on files and folders below the folder FAULT_ROOT, each as `kind name`, kind being one of
 * write sync open open-to-write read rename exchange unlink link truncate mkdir rmdir. Every counted call is written as a
 * line of FAULT_LOG, if that is set. The call that is the FAULT_AT-th of all fails with the number FAULT_ERRNO; with
 * FAULT_ERRNO=kill the process is gone before it, with kill-after right behind it, with FAULT_ERRNO=short a write stops
 * after half of its bytes. Nothing else is changed.
 *
 * With FAULT_UNDO, a folder of the same file system, what each call changes is noted by `undo.h`, so that a cut of power
 * can take back what no sync has covered.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The C library's own function, called as `real`. */
#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#include "undo.h"

enum { PASS, FAIL, SHORT, LAST };

static long counted;
static int log_fd = -1;

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Notes a call on a path, and says what becomes of it. */
static int judge(const char *kind, const char *path) {
    const char *root = getenv("FAULT_ROOT"), *at = getenv("FAULT_AT"), *what = getenv("FAULT_ERRNO");
    const char *log = getenv("FAULT_LOG");
    if (!is_below_root(path)) return PASS;
    long n = __sync_add_and_fetch(&counted, 1);
    if (log) {
        char line[PATH_MAX + 64];
        append(&log_fd, log, line, snprintf(line, sizeof line, "%ld %s %s\n", n, kind, path + strlen(root)));
    }
    if (!at || n != atol(at) || !what) return PASS;
    if (strcmp(what, "kill") == 0) die();
    if (strcmp(what, "kill-after") == 0) return LAST;
    if (strcmp(what, "short") == 0) return SHORT;
    errno = atoi(what);
    return FAIL;
}

static int judge_fd(const char *kind, int fd) {
    char path[PATH_MAX];
    return path_of(fd, path) ? judge(kind, path) : PASS;
}

static int judge_at(const char *kind, int folder, const char *path) {
    return folder == AT_FDCWD || path[0] == '/' ? judge(kind, path) : PASS;
}

/* Passes an answer on, unless the call was to be the last. */
#define ANSWER(fate, call) do { \
    __typeof__(call) answered = (call); \
    if (fate == LAST) die(); \
    return answered; \
} while (0)

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    int fate = judge_fd("write", fd);
    if (fate == FAIL) return -1;
    if (fate == SHORT && size > 1) size /= 2;
    undo_write(fd, size);
    ANSWER(fate, real(fd, bytes, size));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    int fate = judge_fd("write", fd);
    if (fate == FAIL) return -1;
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    undo_write(fd, size);
    ANSWER(fate, real(fd, parts, count));
}

/* Rust's library calls the names that end in 64, SQLite the others. */
#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *bytes, size_t size, offset_type offset) { \
        REAL(name); \
        int fate = judge_fd("write", fd); \
        if (fate == FAIL) return -1; \
        if (fate == SHORT && size > 1) size /= 2; \
        undo_bytes(fd, offset, size); \
        ANSWER(fate, real(fd, bytes, size, offset)); \
    }
PWRITE(pwrite64, off64_t)
PWRITE(pwrite, off_t)

#define FTRUNCATE(name, offset_type) \
    int name(int fd, offset_type length) { \
        REAL(name); \
        int fate = judge_fd("truncate", fd); \
        if (fate == FAIL) return -1; \
        undo_bytes(fd, length, SIZE_MAX); \
        ANSWER(fate, real(fd, length)); \
    }
FTRUNCATE(ftruncate64, off64_t)
FTRUNCATE(ftruncate, off_t)

ssize_t read(int fd, void *bytes, size_t size) {
    REAL(read);
    int fate = judge_fd("read", fd);
    if (fate == FAIL) return -1;
    ANSWER(fate, real(fd, bytes, size));
}

#define PREAD(name, offset_type) \
    ssize_t name(int fd, void *bytes, size_t size, offset_type offset) { \
        REAL(name); \
        int fate = judge_fd("read", fd); \
        if (fate == FAIL) return -1; \
        ANSWER(fate, real(fd, bytes, size, offset)); \
    }
PREAD(pread64, off64_t)
PREAD(pread, off_t)

int fsync(int fd) {
    REAL(fsync);
    int fate = judge_fd("sync", fd);
    if (fate == FAIL) return -1;
    int answer = real(fd);
    if (answer == 0) undo_until(fd);
    ANSWER(fate, answer);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    int fate = judge_fd("sync", fd);
    if (fate == FAIL) return -1;
    int answer = real(fd);
    if (answer == 0) undo_until(fd);
    ANSWER(fate, answer);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        int fate = judge(flags & (O_WRONLY | O_RDWR) ? "open-to-write" : "open", path); \
        if (fate == FAIL) return -1; \
        undo_open(path, flags); \
        ANSWER(fate, real(path, flags, mode)); \
    }
OPEN(open64)
OPEN(open)

DIR *opendir(const char *path) {
    REAL(opendir);
    int fate = judge("open", path);
    if (fate == FAIL) return NULL;
    ANSWER(fate, real(path));
}

int rename(const char *from, const char *to) {
    REAL(rename);
    int fate = judge("rename", to);
    if (fate == FAIL) return -1;
    undo_rename(from, to, 0);
    ANSWER(fate, real(from, to));
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    REAL(renameat2);
    int fate = judge_at(flags ? "exchange" : "rename", to_dir, to);
    if (fate == FAIL) return -1;
    undo_rename(from, to, flags);
    ANSWER(fate, real(from_dir, from, to_dir, to, flags));
}

int unlink(const char *path) {
    REAL(unlink);
    int fate = judge("unlink", path);
    if (fate == FAIL) return -1;
    undo_unlink(path);
    ANSWER(fate, real(path));
}

int link(const char *from, const char *to) {
    REAL(link);
    int fate = judge("link", to);
    if (fate == FAIL) return -1;
    undo_made(to);
    ANSWER(fate, real(from, to));
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    REAL(linkat);
    int fate = judge_at("link", to_dir, to);
    if (fate == FAIL) return -1;
    undo_made(to);
    ANSWER(fate, real(from_dir, from, to_dir, to, flags));
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    int fate = judge("mkdir", path);
    if (fate == FAIL) return -1;
    undo_made(path);
    ANSWER(fate, real(path, mode));
}

int rmdir(const char *path) {
    REAL(rmdir);
    int fate = judge("rmdir", path);
    if (fate == FAIL) return -1;
    undo_rmdir(path);
    ANSWER(fate, real(path));
}
