/* Looking after a database: what check finds and repairs, that compacting, backups, restoring and archiving keep every row.
 * ctest: timeout 600 */
#include "store/maintain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "store/database_file.h"
#include "store/store_check.h"

typedef struct fixture {
    arena *arena;
    const char *path, *folder; /* of a database with results, and its backups */
} fixture;

/* A database with so many results of so many runs, each run's of one series. */
static fixture make_database(void **state, const char *name, unsigned runs, unsigned each) {
    fixture f = {.arena = arena_create(), .path = temp_path(state, name)};
    record r[64];
    assert_true(each <= 64);
    f.path = arena_strdup(f.arena, f.path);
    f.folder = arena_printf(f.arena, "%s.backups", f.path);
    for (unsigned run = 0; run < runs; run++) {
        for (unsigned i = 0; i < each; i++) {
            r[i] = made_up(f.arena, 1000 * run + i);
            r[i].batch = 1 + (int64_t)i;
            r[i].latency_mean_ms = 1 + run;
        }
        add_all(f.path, r, each);
    }
    return f;
}

/* Changes the file as no command would. */
static void damage(const char *path, const char *sql) {
    accel_error err = {0};
    database db;
    assert_ok(database_open(path, false, 5, &db, &err));
    assert_ok(database_exec(&db, sql, &err));
    database_close(&db);
}

static size_t findings_of(const fixture *f, bool repair, store_finding **items) {
    accel_error err = {0};
    size_t count;
    assert_ok(store_examine(f->path, repair, f->arena, items, &count, &err));
    return count;
}

/* The one finding there is. */
static store_finding only_finding(const fixture *f, bool repair) {
    store_finding *items;
    size_t count = findings_of(f, repair, &items);
    for (size_t i = 1; i < count; i++)
        print_error("also: %s %s %s\n", items[i].check, items[i].table, items[i].text);
    assert_int_equal(count, 1);
    return items[0];
}

/* The first cell, kept. */
static const char *answer(const fixture *f, const char *sql) {
    return arena_strdup(f->arena, ask(f->path, sql));
}

static const char *everything(const fixture *f) {
    return answer(
        f, "SELECT count(*) || ' ' || bit_xor(hash(p)) FROM (SELECT * FROM all_performance_results) p");
}

/* ---- check ---------------------------------------------------------------------------------------------------------------- */

static void a_sound_database_has_no_findings(void **state) {
    fixture f = make_database(state, "sound.duckdb", 2, 3);
    store_finding *items;
    assert_int_equal(findings_of(&f, false, &items), 0);
    arena_destroy(f.arena);
}

static void what_is_wrong_is_found(void **state) {
    static const struct {
        const char *sql, *check, *table;
    } cases[] = {
        {"UPDATE latest_results SET average_latency_ms = 7 WHERE identity_id = (SELECT min(identity_id) FROM latest_results)",
         "latest", "latest_results"},
        {"DELETE FROM latest_results WHERE result_id = (SELECT max(result_id) FROM latest_results)", "latest",
         "latest_results"},
        {"UPDATE performance_results SET status = 'splendid', average_latency_ms = NULL, throughput_items_per_second = NULL, memory_peak_mb = NULL, samples_ns = NULL "
         "WHERE CAST(record_id AS VARCHAR) LIKE '00000000%'",
         "domains", "performance_results"},
        {"UPDATE performance_results SET metrics = '{\"record_id\": 3}' WHERE CAST(record_id AS VARCHAR) LIKE '000003e8%'",
         "json", "performance_results"},
        {"UPDATE performance_results SET threads = 77 WHERE CAST(record_id AS VARCHAR) LIKE '000003e8%'",
         "series", "performance_results"},
        {"UPDATE performance_results SET load_ms = 'infinity' WHERE CAST(record_id AS VARCHAR) LIKE '000003e8%'",
         "domains", "performance_results"},
        {"UPDATE performance_results SET iterations = 99 WHERE CAST(record_id AS VARCHAR) LIKE '00000000%'",
         "domains", "performance_results"},
        {"UPDATE test_runs SET completed_at = started_at - INTERVAL 1 DAY WHERE run_id = 1", "domains",
         "test_runs"},
        {"INSERT INTO models (model_name, natural_key) VALUES ('odd', 'not a hash')", "keys", "models"},
        {"CREATE OR REPLACE VIEW integration_test_status AS SELECT 1 AS test_module", "views", ""},
        {"DROP VIEW webgpu_feature_analysis", "views", ""},
        {"ALTER TABLE shader_compilation_stats DROP COLUMN peak_memory_mb", "schema", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = make_database(state, "wrong.duckdb", 2, 2);
        store_finding *items;
        damage(f.path, cases[i].sql);
        size_t count = findings_of(&f, false, &items), hits = 0;
        for (size_t k = 0; k < count; k++)
            hits += str_equal(items[k].check, cases[i].check) && str_equal(items[k].table, cases[i].table);
        if (hits == 0)
            fail_msg("not found: %s", cases[i].sql);
        assert_int_equal(file_remove(f.path, NULL), ACCEL_OK);
        arena_destroy(f.arena);
    }
}

static void what_can_be_repaired_is(void **state) {
    static const struct {
        const char *sql, *check;
    } cases[] = {
        {"UPDATE latest_results SET average_latency_ms = 7", "latest"},
        {"DROP VIEW latest_performance_metrics", "views"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = make_database(state, "repair.duckdb", 2, 2);
        store_finding *items;
        damage(f.path, "CREATE TABLE mine AS SELECT 42 AS answer");
        const char *before = everything(&f);
        damage(f.path, cases[i].sql);
        store_finding found = only_finding(&f, true);
        assert_string_equal(found.check, cases[i].check);
        assert_true(found.repaired);
        assert_int_equal(findings_of(&f, false, &items), 0);
        assert_string_equal(everything(&f), before);
        assert_string_equal(ask(f.path, "SELECT answer FROM mine"), "42");
        assert_int_equal(file_remove(f.path, NULL), ACCEL_OK);
        arena_destroy(f.arena);
    }
}

/* A process that is killed leaves its log, and DuckDB's log forgets all but the first number that a transaction took. */
static void no_number_is_given_twice_after_a_kill(void **state) {
    fixture f = make_database(state, "killed.duckdb", 1, 3);
    accel_error err = {0};
    store_finding *items;
    pid_t child = fork();
    if (child == 0) {
        database db;
        bool ok =
            database_open(f.path, false, 5, &db, &err) == ACCEL_OK &&
            database_exec(
                &db,
                "INSERT INTO models (model_name, natural_key) SELECT 'm' || i, sha256('m' || i || chr(31) || chr(1) || chr(31) || chr(1) || chr(31)) FROM range(40) r(i)",
                &err) == ACCEL_OK;
        raise(ok ? SIGKILL : SIGTERM);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    record r = made_up(f.arena, 77);
    r.model_name = "new";
    add_all(f.path, &r, 1);
    assert_string_equal(ask(f.path, "SELECT count(*) || ' ' || count(DISTINCT model_id) FROM models"),
                        "42 42");
    assert_string_equal(ask(f.path, "SELECT count(*) FROM performance_results"), "4");
    assert_int_equal(findings_of(&f, false, &items), 0);
    arena_destroy(f.arena);
}

static void exact_duplicates_are_dropped_and_the_first_stays(void **state) {
    fixture f = make_database(state, "twice.duckdb", 1, 3);
    store_finding *items;
    damage(
        f.path,
        "INSERT INTO performance_results BY NAME SELECT * EXCLUDE (result_id) REPLACE (replace(CAST(record_id AS VARCHAR), 'abcd', 'ffff') AS record_id, "
        "CAST(replace(CAST(metrics AS VARCHAR), '-00000000abcd', '-00000000ffff') AS JSON) AS metrics) FROM performance_results WHERE result_id = (SELECT min(result_id) FROM performance_results)");
    size_t count = findings_of(&f, true, &items), hits = 0;
    for (size_t i = 0; i < count; i++)
        hits += str_equal(items[i].check, "duplicates") && items[i].rows == 1 && items[i].repaired;
    assert_int_equal(hits, 1);
    assert_int_equal(findings_of(&f, false, &items), 0);
    assert_string_equal(
        ask(f.path,
            "SELECT count(*) || ' ' || count(*) FILTER (CAST(record_id AS VARCHAR) LIKE '%ffff') FROM performance_results"),
        "3 0");
    arena_destroy(f.arena);
}

static void a_damaged_page_is_a_finding(void **state) {
    fixture f = make_database(state, "page.duckdb", 3, 40);
    store_sizes sizes;
    accel_error err = {0};
    struct stat info;
    assert_ok(store_compact(f.path, &sizes, &err));
    assert_int_equal(stat(f.path, &info), 0);
    int descriptor = open(f.path, O_RDWR), found = 0;
    for (off_t at = 12288 + 8192; at < info.st_size; at += 8 * 16384) /* in the middle of a block */
    {
        char before, after;
        assert_int_equal(pread(descriptor, &before, 1, at), 1);
        after = (char)~before;
        assert_int_equal(pwrite(descriptor, &after, 1, at), 1);
        store_finding *items;
        size_t count = 0;
        accel_status status = store_examine(f.path, false, f.arena, &items, &count, &err);
        found += status != ACCEL_OK || (count > 0 && str_equal(items[0].check, "pages"));
        assert_int_equal(pwrite(descriptor, &before, 1, at), 1);
    }
    close(descriptor);
    assert_true(found >= 2); /* the others are free blocks */
    arena_destroy(f.arena);
}

/* ---- compact ------------------------------------------------------------------------------------------------------------- */

static void compacting_shrinks_the_file_and_keeps_every_row(void **state) {
    fixture f = make_database(state, "big.duckdb", 2, 60);
    accel_error err = {0};
    store_sizes sizes;
    store_finding *items;
    damage(f.path, "CREATE TABLE heavy AS SELECT i, sha256(CAST(i AS VARCHAR)) AS h FROM range(100000) r(i)");
    damage(f.path, "DROP TABLE heavy");
    damage(f.path, "CREATE TABLE mine AS SELECT 42 AS answer; ALTER TABLE models ADD COLUMN note VARCHAR");
    const char *before = everything(&f);
    assert_ok(store_compact(f.path, &sizes, &err));
    assert_true(sizes.after_bytes * 4 < 3 * sizes.before_bytes);
    assert_string_equal(everything(&f), before);
    assert_string_equal(ask(f.path, "SELECT answer FROM mine"), "42");
    assert_int_equal(findings_of(&f, false, &items), 0);
    arena_destroy(f.arena);
}

/* ---- backups --------------------------------------------------------------------------------------------------------------- */

static store_backup back_up(const fixture *f) {
    accel_error err = {0};
    store_backup b;
    assert_ok(store_backup_make(f->path, f->folder, f->arena, &b, &err));
    return b;
}

static void flip_a_byte(const char *path, off_t at) {
    int descriptor = open(path, O_RDWR);
    char c;
    assert_int_equal(pread(descriptor, &c, 1, at), 1);
    c = (char)~c;
    assert_int_equal(pwrite(descriptor, &c, 1, at), 1);
    close(descriptor);
}

static void a_backup_brings_back_what_was_there(void **state) {
    fixture f = make_database(state, "back.duckdb", 2, 3);
    accel_error err = {0};
    const char *before = everything(&f);
    store_backup b = back_up(&f), restored;
    assert_int_equal(strlen(b.sha256), 64);
    damage(f.path, "DELETE FROM performance_results");
    assert_ok(store_restore(f.path, f.folder, NULL, false, f.arena, &restored, &err));
    assert_string_equal(restored.path, b.path);
    assert_string_equal(everything(&f), before);
    assert_false(file_exists(arena_printf(f.arena, "%s.replaced", f.path)));
    arena_destroy(f.arena);
}

static void a_damaged_backup_replaces_nothing(void **state) {
    fixture f = make_database(state, "bad.duckdb", 1, 3);
    accel_error err = {0};
    const char *before = everything(&f);
    store_backup b = back_up(&f), restored;
    for (off_t at = 5; at < (off_t)b.bytes; at += (off_t)b.bytes / 7) {
        flip_a_byte(b.path, at);
        assert_int_equal(store_restore(f.path, f.folder, b.path, false, f.arena, &restored, &err),
                         ACCEL_BAD_FILE);
        flip_a_byte(b.path, at);
    }
    assert_int_equal(truncate(b.path, (off_t)b.bytes / 2), 0);
    assert_int_equal(store_restore(f.path, f.folder, b.path, false, f.arena, &restored, &err),
                     ACCEL_BAD_FILE);
    const char *other = temp_file(state, "notes.zst", "no backup at all");
    assert_int_equal(store_restore(f.path, f.folder, other, false, f.arena, &restored, &err), ACCEL_BAD_FILE);
    assert_string_equal(everything(&f), before);
    arena_destroy(f.arena);
}

static void the_last_good_backup_stays(void **state) {
    fixture f = make_database(state, "keep.duckdb", 1, 2);
    accel_error err = {0};
    store_backup b[4], *left;
    size_t deleted, count;
    const char *good;
    for (size_t i = 0; i < 4; i++)
        b[i] = back_up(&f);
    flip_a_byte(b[3].path, (off_t)b[3].bytes / 2);
    flip_a_byte(b[2].path, (off_t)b[2].bytes / 2);
    store_retention rules = {.keep = 1, .older_than_s = -1};
    assert_ok(store_backup_purge(f.path, f.folder, &rules, f.arena, &deleted, &good, &err));
    assert_int_equal(deleted, 2);
    assert_string_equal(good, b[1].path);
    rules = (store_retention){.keep = -1, .older_than_s = 3600};
    assert_ok(store_backup_purge(f.path, f.folder, &rules, f.arena, &deleted, &good, &err));
    assert_int_equal(deleted, 0);
    flip_a_byte(b[1].path, (off_t)b[1].bytes / 2);
    rules = (store_retention){.keep = 0, .older_than_s = -1};
    assert_int_equal(store_backup_purge(f.path, f.folder, &rules, f.arena, &deleted, &good, &err),
                     ACCEL_BAD_FILE);
    assert_ok(store_backup_list(f.path, f.folder, f.arena, &left, &count, &err));
    assert_int_equal(count, 2);
    arena_destroy(f.arena);
}

/* As another process that reads or writes the database does. */
static pid_t hold(const char *path, short type) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int descriptor = open(path, O_RDWR);
        struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
        char c = descriptor >= 0 && fcntl(descriptor, F_SETLK, &lock) == 0 ? 'y' : 'n';
        (void)!write(ready[1], &c, 1);
        for (;;)
            pause();
    }
    char c = 'n';
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void a_database_in_use_is_not_replaced(void **state) {
    static const short types[] = {F_RDLCK, F_WRLCK};
    fixture f = make_database(state, "used.duckdb", 1, 2);
    accel_error err = {0};
    store_backup b = back_up(&f), restored;
    const char *before = everything(&f);
    for (size_t i = 0; i < 2; i++) {
        pid_t child = hold(f.path, types[i]);
        assert_int_equal(store_restore(f.path, f.folder, b.path, false, f.arena, &restored, &err),
                         ACCEL_BUSY);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    assert_string_equal(everything(&f), before);
    assert_false(file_exists(arena_printf(f.arena, "%s.restoring", f.path)));
    arena_destroy(f.arena);
}

/* ---- archive --------------------------------------------------------------------------------------------------------------- */

static void archived_results_are_read_through_the_same_views(void **state) {
    fixture f = make_database(state, "old.duckdb", 3, 4);
    accel_error err = {0};
    store_archived out;
    store_finding *items;
    damage(
        f.path,
        "UPDATE test_runs SET started_at = TIMESTAMP '2025-01-15' + INTERVAL 1 MONTH * CAST(run_id AS INTEGER), completed_at = NULL WHERE run_id < 3");
    damage(f.path, "DELETE FROM latest_results");
    (void)findings_of(&f, true, &items);
    const char *rows = everything(&f);
    const char *samples =
        answer(&f, "SELECT count(*) || ' ' || sum(latency_ms) FROM performance_batch_results");
    const char *latest =
        answer(&f, "SELECT count(*) || ' ' || bit_xor(hash(l)) FROM latest_performance_metrics l");
    assert_ok(store_archive(f.path, "2026-01-01T00:00:00Z", &out, &err));
    assert_true(out.rows >= 4 && out.files >= 1);
    assert_string_equal(everything(&f), rows);
    assert_string_equal(
        ask(f.path, "SELECT count(*) || ' ' || sum(latency_ms) FROM performance_batch_results"), samples);
    assert_string_equal(
        ask(f.path, "SELECT count(*) || ' ' || bit_xor(hash(l)) FROM latest_performance_metrics l"), latest);
    assert_int_equal(findings_of(&f, false, &items), 0);
    store_sizes sizes;
    assert_ok(store_compact(f.path, &sizes, &err));
    assert_string_equal(everything(&f), rows);
    assert_int_equal(findings_of(&f, false, &items), 0);
    assert_ok(store_archive(f.path, "2026-01-01T00:00:00Z", &out, &err)); /* again: nothing is left to move */
    assert_int_equal(out.rows, 0);
    arena_destroy(f.arena);
}

static void an_archived_record_is_not_taken_in_again(void **state) {
    fixture f = make_database(state, "again.duckdb", 1, 3);
    accel_error err = {0};
    store_archived out;
    record r = made_up(f.arena, 1);
    assert_ok(store_archive(f.path, "2099-01-01T00:00:00Z", &out, &err));
    assert_int_equal(out.rows, 3);
    add_all(f.path, &r, 1);
    assert_string_equal(ask(f.path, "SELECT count(*) FROM performance_results"), "0");
    assert_string_equal(ask(f.path, "SELECT count(*) FROM all_performance_results"), "3");
    arena_destroy(f.arena);
}

static void a_moved_database_finds_its_archive(void **state) {
    fixture f = make_database(state, "here.duckdb", 1, 3);
    accel_error err = {0};
    store_archived out;
    assert_ok(store_archive(f.path, "2099-01-01T00:00:00Z", &out, &err));
    const char *there = arena_strdup(f.arena, temp_path(state, "there.duckdb"));
    assert_int_equal(rename(f.path, there), 0);
    assert_int_equal(
        rename(arena_printf(f.arena, "%s.archive", f.path), arena_printf(f.arena, "%s.archive", there)), 0);
    assert_string_equal(ask(there, "SELECT count(*) FROM performance_batch_results"), "9");
    arena_destroy(f.arena);
}

static void archive_files_cannot_be_written_by_a_query(void **state) {
    fixture f = make_database(state, "safe.duckdb", 1, 3);
    accel_error err = {0};
    store_archived out;
    store_result *r;
    assert_ok(store_archive(f.path, "2099-01-01T00:00:00Z", &out, &err));
    const char *file =
        arena_printf(f.arena, "%s.archive/%s", f.path, ask(f.path, "SELECT file_name FROM archive_files"));
    const char *sql[] = {
        arena_printf(f.arena, "COPY (SELECT 1) TO '%s'", file),
        arena_printf(f.arena, "COPY (SELECT 1) TO '%s.archive/x.csv'", f.path),
        arena_printf(f.arena, "ATTACH '%s.archive/x.duckdb' AS x", f.path),
        arena_printf(f.arena, "EXPORT DATABASE '%s.archive/x'", f.path),
        "SELECT * FROM read_text('/etc/passwd')",
        "SET enable_external_access = true",
    };
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        if (store_query(f.path, sql[i], 0, &r, &err) == ACCEL_OK)
            fail_msg("not refused: %s", sql[i]);
    store_finding *items;
    assert_int_equal(findings_of(&f, false, &items), 0);
    arena_destroy(f.arena);
}

static void a_damaged_or_missing_archive_file_is_found(void **state) {
    fixture f = make_database(state, "lost.duckdb", 1, 3);
    accel_error err = {0};
    store_archived out;
    assert_ok(store_archive(f.path, "2099-01-01T00:00:00Z", &out, &err));
    const char *file =
        arena_printf(f.arena, "%s.archive/%s", f.path, ask(f.path, "SELECT file_name FROM archive_files"));
    assert_int_equal(chmod(file, 0644), 0);
    flip_a_byte(file, 100);
    assert_string_equal(only_finding(&f, true).check, "archive");
    assert_ok(file_remove(file, &err));
    assert_string_equal(only_finding(&f, true).check, "archive");
    assert_string_equal(ask(f.path, "SELECT count(*) FROM models"),
                        "1"); /* what needs no old rows is answered */
    arena_destroy(f.arena);
}

/* ---- fleets ------------------------------------------------------------------------------------------------------------------ */

static void a_lake_shows_what_several_databases_hold_once(void **state) {
    fixture f = make_database(state, "one.duckdb", 1, 3), g = make_database(state, "two.duckdb", 2, 3);
    accel_error err = {0};
    store_exported out;
    const char *lake = arena_strdup(f.arena, temp_path(state, "lake"));
    assert_ok(store_export(f.path, lake, &out, &err));
    assert_true(out.rows > 0);
    assert_ok(store_export(g.path, lake, &out, &err)); /* three of its six records are the same */
    assert_ok(store_export(g.path, lake, &out, &err));
    assert_int_equal(out.rows, 0);
    assert_int_equal(out.files, 0);
    assert_string_equal(
        ask(lake, "SELECT count(*) || ' ' || count(DISTINCT record_id) FROM performance_results"), "6 6");
    assert_string_equal(ask(lake, "SELECT count(*) FROM performance_batch_results"), "18");
    assert_string_equal(
        ask(lake,
            "SELECT count(*) FROM performance_results JOIN models USING (model_id) JOIN hardware_platforms USING (hardware_id) "
            "JOIN test_runs USING (run_id)"),
        "6");
    assert_string_equal(ask(lake, "SELECT count(*) FROM latest_performance_metrics"), "3");
    assert_string_equal(ask(lake, "SELECT count(*) FROM integration_test_status"), "0");
    arena_destroy(f.arena);
    arena_destroy(g.arena);
}

/* ---- failing disks --------------------------------------------------------------------------------------------------------- */

static accel_status do_backup(const fixture *f, accel_error *err) {
    store_backup b;
    return store_backup_make(f->path, f->folder, f->arena, &b, err);
}
static accel_status do_restore(const fixture *f, accel_error *err) {
    store_backup b;
    return store_restore(f->path, f->folder, NULL, false, f->arena, &b, err);
}
static accel_status do_archive(const fixture *f, accel_error *err) {
    store_archived out;
    return store_archive(f->path, "2099-01-01T00:00:00Z", &out, err);
}

/* Each I/O call of ours fails once; whatever becomes of the operation, all rows are there after it. */
static void a_failing_call_loses_nothing(void **state) {
    static accel_status (*const operations[])(const fixture *, accel_error *) = {do_backup, do_restore,
                                                                                 do_archive};
    bool soak = getenv("ACCEL_SOAK") != NULL;
    fixture f = make_database(state, "fault.duckdb", 1, 3);
    store_finding *items;
    (void)back_up(&f);
    const char *before = everything(&f);
    for (size_t o = 0; o < sizeof operations / sizeof *operations; o++) {
        uint64_t calls = file_io_count();
        accel_error err = {0};
        assert_ok(operations[o](&f, &err));
        calls = file_io_count() - calls;
        for (uint64_t n = 1; n <= calls; n += soak ? 1 : 1 + calls / 8) {
            file_fault_set(n, EIO);
            (void)operations[o](&f, &err);
            file_fault_set(0, 0);
            assert_string_equal(everything(&f), before);
        }
    }
    for (size_t i = 0, count = findings_of(&f, true, &items); i < count; i++)
        if (!items[i].repaired)
            fail_msg("%s %s %s", items[i].check, items[i].table, items[i].text);
    assert_string_equal(everything(&f), before);
    arena_destroy(f.arena);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_sound_database_has_no_findings),
        STORE_TEST(what_is_wrong_is_found),
        STORE_TEST(what_can_be_repaired_is),
        STORE_TEST(no_number_is_given_twice_after_a_kill),
        STORE_TEST(exact_duplicates_are_dropped_and_the_first_stays),
        STORE_TEST(a_damaged_page_is_a_finding),
        STORE_TEST(compacting_shrinks_the_file_and_keeps_every_row),
        STORE_TEST(a_backup_brings_back_what_was_there),
        STORE_TEST(a_damaged_backup_replaces_nothing),
        STORE_TEST(the_last_good_backup_stays),
        STORE_TEST(a_database_in_use_is_not_replaced),
        STORE_TEST(archived_results_are_read_through_the_same_views),
        STORE_TEST(an_archived_record_is_not_taken_in_again),
        STORE_TEST(a_moved_database_finds_its_archive),
        STORE_TEST(archive_files_cannot_be_written_by_a_query),
        STORE_TEST(a_damaged_or_missing_archive_file_is_found),
        STORE_TEST(a_lake_shows_what_several_databases_hold_once),
        STORE_TEST(a_failing_call_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
