/* Files: mapped reading, confined opening, atomic replacement, folders. Every call goes through one layer in which a test
 * can make the Nth I/O call fail. Paths are UTF-8 bytes as the system takes them. */
#ifndef ACCEL_BASE_FILE_H
#define ACCEL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* A read-only mapping of a whole regular file. The bytes stay valid until file_unmap. An empty file maps to
 * size_bytes 0 and a valid pointer. If the file is cut short by somebody else while mapped, reading it is a bus error:
 * cases run in child processes, where that is a recorded crash. */
typedef struct file_map {
    const uint8_t *bytes;
    size_t size_bytes;
    void *handle; /* private */
} file_map;

accel_status file_map_open(const char *path, file_map *out, accel_error *err);
void file_map_close(file_map *map); /* leaves it zero; accepts a zero one */
/* Tells the system that these pages are not needed any more (they can be read again from the file). */
void file_map_release_pages(const file_map *map, const void *start, size_t length);

/* Files that a page gave lie in our own memory, where something made of their contents may take the place of these, so that memory holds one of
 * the two. Mapped files are never changed.
 *
 * The bytes as ones that may be written over, with room to note that they were; NULL: they may not be. file_note_reuse says what lies there from
 * now on (not 0). file_reused has that for these very bytes, 0 for what the file holds, and FILE_REUSED_OTHERWISE where a part was written over. */
#define FILE_REUSED_OTHERWISE UINT64_MAX
#ifdef ACCEL_WASM
enum { FILES_IN_MEMORY = 1 };
void *file_reuse(const void *start, size_t length);
void file_note_reuse(const void *start, size_t length, uint64_t what);
uint64_t file_reused(const void *start, size_t length);
#else
enum { FILES_IN_MEMORY = 0 };
static inline void *file_reuse(const void *start, size_t length) {
    (void)start;
    (void)length;
    return NULL;
}
static inline void file_note_reuse(const void *start, size_t length, uint64_t what) {
    (void)start;
    (void)length;
    (void)what;
}
static inline uint64_t file_reused(const void *start, size_t length) {
    (void)start;
    (void)length;
    return 0;
}
#endif

/* A folder opened once; names below it are resolved without ever leaving it. */
typedef struct file_folder file_folder;
accel_status file_folder_open(const char *path, file_folder **out, accel_error *err);
void file_folder_close(file_folder *folder); /* accepts NULL */
/* Maps folder/name where name is a relative path from an untrusted file: refuses absolute paths, "..", symbolic links
 * anywhere on the way, anything but a regular file, and a file with more than one hard link. */
accel_status file_map_beneath(const file_folder *folder, const char *name, file_map *out, accel_error *err);

/* Reads a whole file into fresh memory (one NUL is added after it; mem_free it). max_bytes bounds it. */
accel_status file_read(const char *path, size_t max_bytes, char **out, size_t *length, accel_error *err);
/* Writes a temporary file beside path, fsyncs it, renames it over path, fsyncs the folder. Either the old or the
 * new content is there after a crash, never a half. */
accel_status file_replace(const char *path, const void *bytes, size_t length, accel_error *err);

/* A sequential writer with the same promise: nothing appears at path before file_writer_commit. */
typedef struct file_writer file_writer;
accel_status file_writer_open(const char *path, file_writer **out, accel_error *err);
accel_status file_writer_write(file_writer *w, const void *bytes, size_t length, accel_error *err);
/* The file is of use only while this program runs: its commit does not wait for the disk. */
void file_writer_set_scratch(file_writer *w);
uint64_t file_writer_offset(const file_writer *w);
accel_status file_writer_commit(file_writer *w, accel_error *err); /* destroys w, also on failure */
void file_writer_abort(file_writer *w); /* destroys w, removes the temporary; accepts NULL */

bool file_exists(const char *path);
bool file_is_folder(const char *path);
accel_status file_make_folders(const char *path, accel_error *err); /* like mkdir -p, mode 0755 */
accel_status file_remove(const char *path, accel_error *err);       /* absent is fine */
accel_status file_remove_tree(const char *path, accel_error *err);
/* The same of a folder in which processes that were just killed may still make files: tried again until limit_s have passed. */
accel_status file_remove_tree_within(const char *path, double limit_s, accel_error *err);
accel_status file_make_temp_folder(const char *prefix, str_buf *path,
                                   accel_error *err); /* below TMPDIR or /tmp */

/* Calls visit(name) for each entry except . and .., in strcmp order. Returns the visitor's first failure. */
typedef accel_status (*file_visitor)(void *context, const char *name, accel_error *err);
accel_status file_list(const char *folder, file_visitor visit, void *context, accel_error *err);

/* path = folder "/" name, without doubling the slash. */
void file_join(str_buf *path, const char *folder, const char *name);
const char *file_base_name(const char *path);          /* what follows the last slash */
void file_dir_name(str_buf *folder, const char *path); /* "." when there is no slash */

/* Fault injection: the nth I/O system call from now fails with errno_value (n = 0: off). */
void file_fault_set(uint64_t n, int errno_value);
uint64_t file_io_count(void);

#endif
