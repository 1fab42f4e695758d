#include "browsers/tree.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

enum { ENVIRONMENT_BYTES = 1 << 20, STAT_BYTES = 1024, ROLLUP_BYTES = 4096, NAME_BYTES = 16 };

typedef struct member {
    pid_t pid, parent, group;
    bool belongs, dead;
    char name[NAME_BYTES];
    uint64_t cpu_ticks;
} member;

typedef struct members {
    const tree *wanted;
    member *list;
    size_t count, capacity;
} members;

/* ---- reading /proc ----------------------------------------------------------------------------------------------------- */

static char *read_of(pid_t pid, const char *name, size_t max_bytes, size_t *length) {
    char path[64], *text = NULL;
    str_format(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return file_read(path, max_bytes, &text, length, NULL) == ACCEL_OK ? text : NULL;
}

/* "pid (name) state parent group session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime …", proc(5); the name may hold
 * anything. */
static bool read_stat(member *m) {
    enum { FIELDS_UNTIL_UTIME = 8, TIMES = 4 };
    size_t length = 0;
    char *text = read_of(m->pid, "stat", STAT_BYTES, &length);
    char *open = text ? strchr(text, '(') : NULL, *close = text ? strrchr(text, ')') : NULL;
    bool whole = open && close && close > open && close + 3 < text + length;
    if (whole) {
        *close = '\0';
        str_format(m->name, sizeof m->name, "%s", open + 1);
        m->dead = close[2] == 'Z' || close[2] == 'X';
        char *at = close + 3;
        m->parent = (pid_t)strtol(at, &at, 10);
        m->group = (pid_t)strtol(at, &at, 10);
        for (int i = 0; i < FIELDS_UNTIL_UTIME; i++)
            (void)strtoll(at, &at, 10);
        for (int i = 0; i < TIMES; i++)
            m->cpu_ticks += strtoull(at, &at, 10);
    }
    mem_free(text);
    return whole;
}

/* Whether the environment that it was started with has the mark. One that we may not read is not ours by this. */
static bool is_marked(pid_t pid, const char *mark) {
    size_t length = 0, name = strlen(TREE_VARIABLE "=");
    char *text = read_of(pid, "environ", ENVIRONMENT_BYTES, &length);
    bool marked = false;
    for (size_t at = 0; text && at < length && !marked; at += strlen(text + at) + 1)
        marked = str_starts_with(text + at, TREE_VARIABLE "=") && str_equal(text + at + name, mark);
    mem_free(text);
    return marked;
}

static accel_status add_process(void *context, const char *name, accel_error *err) {
    members *all = context;
    int64_t pid;
    (void)err;
    if (!str_to_i64(name, &pid) || pid <= 1 || pid > INT32_MAX || pid == getpid())
        return ACCEL_OK;
    member m = {.pid = (pid_t)pid};
    if (!read_stat(&m) || m.dead)
        return ACCEL_OK;
    pid_t leader = all->wanted->leader;
    m.belongs = (leader > 0 && (m.pid == leader || m.group == leader)) ||
                (all->wanted->keeper > 0 && m.parent == all->wanted->keeper) ||
                (all->wanted->mark && is_marked(m.pid, all->wanted->mark));
    if (!mem_grow((void **)&all->list, &all->capacity, all->count + 1, sizeof *all->list))
        return ACCEL_OUT_OF_MEMORY;
    all->list[all->count++] = m;
    return ACCEL_OK;
}

/* Children of those that belong, until no more are found. */
static void add_children(members *all) {
    for (bool found = true; found;) {
        found = false;
        for (size_t i = 0; i < all->count; i++)
            for (size_t j = 0; j < all->count && !all->list[i].belongs; j++)
                if (all->list[j].belongs && all->list[j].pid == all->list[i].parent)
                    all->list[i].belongs = found = true;
    }
}

/* The living members; free list. */
static members find_members(const tree *t) {
    members all = {.wanted = t};
    (void)file_list("/proc", add_process, &all, NULL);
    add_children(&all);
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++)
        if (all.list[i].belongs)
            all.list[kept++] = all.list[i];
    all.count = kept;
    return all;
}

/* ---- ending ------------------------------------------------------------------------------------------------------------ */

int tree_signal(const tree *t, int signal_number) {
    members all = find_members(t);
    int count = (int)all.count;
    for (size_t i = 0; i < all.count && signal_number != 0; i++)
        (void)kill(all.list[i].pid, signal_number);
    mem_free(all.list);
    return count;
}

/* Sends it (again and again where `repeat`: new ones may have been started meanwhile) until none is left; false after limit_s. */
static bool signal_until_gone(const tree *t, int signal_number, bool repeat, double limit_s) {
    uint64_t start = clock_now_ns();
    for (bool first = true;; first = false) {
        if (tree_signal(t, first || repeat ? signal_number : 0) == 0)
            return true;
        if ((double)(clock_now_ns() - start) * 1e-9 > limit_s)
            return false;
        clock_sleep_ns(10000000);
    }
}

bool tree_end(const tree *t, double grace_s) {
    const double limit_s = 5;
    return (grace_s > 0 && signal_until_gone(t, SIGTERM, false, grace_s)) ||
           signal_until_gone(t, SIGKILL, true, limit_s);
}

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

static uint64_t memory_bytes(pid_t pid) {
    size_t length = 0;
    char *text = read_of(pid, "smaps_rollup", ROLLUP_BYTES, &length);
    const char *pss = text ? strstr(text, "\nPss:") : NULL;
    uint64_t bytes = pss ? strtoull(pss + strlen("\nPss:"), NULL, 10) * 1024 : 0;
    mem_free(text);
    text = pss ? NULL : read_of(pid, "statm", STAT_BYTES, &length);
    if (text) { /* size, resident, shared, in pages */
        char *at = text;
        (void)strtoull(at, &at, 10);
        uint64_t resident = strtoull(at, &at, 10), shared = strtoull(at, &at, 10);
        bytes = (resident > shared ? resident - shared : 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    mem_free(text);
    return bytes;
}

void tree_usage(const tree *t, uint64_t *cpu_ns, uint64_t *rss_bytes) {
    members all = find_members(t);
    member keeper = {.pid = t->keeper}; /* has the times of those that it waited for */
    uint64_t ticks = t->keeper > 0 && read_stat(&keeper) ? keeper.cpu_ticks : 0;
    uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    *rss_bytes = 0;
    for (size_t i = 0; i < all.count; i++) {
        ticks += all.list[i].cpu_ticks;
        *rss_bytes += memory_bytes(all.list[i].pid);
    }
    *cpu_ns = ticks * (1000000000 / per_second);
    mem_free(all.list);
}

static bool is_named(const member *m, const char *name) {
    return strncmp(m->name, name, NAME_BYTES - 1) == 0;
}

pid_t tree_find(const tree *t, const char *name) {
    members all = find_members(t);
    pid_t found = 0;
    for (size_t i = 0; i < all.count && found == 0; i++)
        found = is_named(&all.list[i], name) ? all.list[i].pid : 0;
    mem_free(all.list);
    return found;
}

bool tree_lives(pid_t pid, const char *name) {
    member m = {.pid = pid};
    return pid > 0 && read_stat(&m) && !m.dead && is_named(&m, name);
}
