/* Notes how each call is taken back, for a cut of power.
 *
 * A line of FAULT_UNDO/calls is written before the call, with what is there before it; `sync` lines behind a sync that
 * went through. Read from the end, a change of a file that a later sync of the file covers is durable, and so is a change
 * of a name if a later sync of its folder covers it; all others are taken back (`powercut.py`). Fields are parted by
 * tabs:
 *
 *   bytes INODE OFFSET LENGTH SIZE KEPT    LENGTH bytes at OFFSET, which KEPT has, of a file that had SIZE bytes
 *   made PATH                              a name that was not there
 *   gone PATH KEPT                         a file's name, taken away
 *   gone-folder PATH
 *   renamed FROM TO KEPT                   KEPT: what was there under TO, or -
 *   exchanged FROM TO
 *   synced INODE | synced-folder PATH
 *
 * KEPT and `inode-INODE` are names in FAULT_UNDO: the latter finds a file whatever becomes of its names.
 */

static int undo_fd = -1;

static int is_below_root(const char *path) {
    const char *root = getenv("FAULT_ROOT");
    return root && path && strncmp(path, root, strlen(root)) == 0;
}

static void append(int *fd, const char *path, const char *line, int length) {
    if (*fd < 0) {
        REAL(open64);
        *fd = real(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    REAL(write);
    if (*fd < 0 || real(*fd, line, (size_t)length) != length) _exit(99);
}

/* Finds the path of an open file, if it is below the root. */
static int path_of(int fd, char path[PATH_MAX]) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return is_below_root(path);
}

/* Names what is kept. */
static unsigned long kept_name(char path[PATH_MAX]) {
    static unsigned long kept;
    unsigned long number = __sync_add_and_fetch(&kept, 1);
    snprintf(path, PATH_MAX, "%s/%lu", getenv("FAULT_UNDO"), number);
    return number;
}

#define NOTE(...) do { \
    char line[3 * PATH_MAX], calls[PATH_MAX]; \
    snprintf(calls, sizeof calls, "%s/calls", getenv("FAULT_UNDO")); \
    append(&undo_fd, calls, line, snprintf(line, sizeof line, __VA_ARGS__)); \
} while (0)

static int is_noted(const char *path) {
    return getenv("FAULT_UNDO") && is_below_root(path);
}

/* Gives a file one more name. */
static void also_name(const char *path, const char *name) {
    REAL(linkat);
    if (real(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST) _exit(98);
}

static void copy(const char *from, off64_t offset, size_t length, const char *to) {
    REAL(open64);
    int source = real(from, O_RDONLY | O_CLOEXEC), target = real(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char *bytes = malloc(length);
    ssize_t (*get)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    ssize_t (*put)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (source < 0 || target < 0 || !bytes || get(source, bytes, length, offset) != (ssize_t)length
        || put(target, bytes, length) != (ssize_t)length) _exit(97);
    free(bytes);
    close(source);
    close(target);
}

static void undo_bytes(int fd, off64_t offset, size_t size) {
    int before = errno;
    char path[PATH_MAX], name[PATH_MAX], own[40];
    struct stat file;
    if (!path_of(fd, path) || !is_noted(path) || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return;
    size_t left = offset < file.st_size ? (size_t)(file.st_size - offset) : 0;
    size_t length = size < left ? size : left;
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    snprintf(name, sizeof name, "%s/inode-%lu", getenv("FAULT_UNDO"), file.st_ino);
    also_name(own, name);
    unsigned long kept = kept_name(name);
    copy(own, offset, length, name);
    NOTE("bytes\t%lu\t%lld\t%zu\t%lld\t%lu\n", file.st_ino, (long long)offset, length, (long long)file.st_size, kept);
    errno = before;
}

static void undo_write(int fd, size_t size) {
    struct stat file;
    if (!getenv("FAULT_UNDO") || fstat(fd, &file) != 0) return;
    int appends = fcntl(fd, F_GETFL) & O_APPEND;
    undo_bytes(fd, appends ? file.st_size : lseek(fd, 0, SEEK_CUR), size);
}

static void undo_made(const char *path) {
    struct stat file;
    if (is_noted(path) && lstat(path, &file) != 0) NOTE("made\t%s\n", path);
}

static void undo_open(const char *path, int flags) {
    if (flags & O_CREAT) undo_made(path);
    struct stat file;
    if (!(flags & O_TRUNC) || !is_noted(path) || stat(path, &file) != 0) return;
    REAL(open64);
    int fd = real(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    undo_bytes(fd, 0, SIZE_MAX);
    close(fd);
}

static void undo_unlink(const char *path) {
    struct stat file;
    char name[PATH_MAX];
    if (!is_noted(path) || lstat(path, &file) != 0) return;
    unsigned long kept = kept_name(name);
    also_name(path, name);
    NOTE("gone\t%s\t%lu\n", path, kept);
}

static void undo_rmdir(const char *path) {
    struct stat file;
    if (is_noted(path) && lstat(path, &file) == 0) NOTE("gone-folder\t%s\n", path);
}

static void undo_rename(const char *from, const char *to, unsigned flags) {
    struct stat file;
    char name[PATH_MAX];
    if (!is_noted(to) || lstat(from, &file) != 0) return;
    int is_there = lstat(to, &file) == 0;
    if (flags & RENAME_EXCHANGE) {
        if (is_there) NOTE("exchanged\t%s\t%s\n", from, to);
    } else if (!is_there) {
        NOTE("renamed\t%s\t%s\t-\n", from, to);
    } else if (!(flags & RENAME_NOREPLACE)) {
        unsigned long kept = kept_name(name);
        also_name(to, name);
        NOTE("renamed\t%s\t%s\t%lu\n", from, to, kept);
    }
}

static void undo_until(int fd) {
    struct stat file;
    char path[PATH_MAX];
    if (!path_of(fd, path) || !is_noted(path) || fstat(fd, &file) != 0) return;
    if (S_ISDIR(file.st_mode)) NOTE("synced-folder\t%s\n", path);
    else NOTE("synced\t%lu\n", file.st_ino);
}
