/* Folders with owners: what dead ones left goes, what living ones have stays. */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temp_folder.h"
#include "support/test.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/posix/owned_folder.h"

#define PREFIX "accel-test-owned-"

static int in_folder(void **state) {
    return temp_folder_setup(state) == 0 ? setenv("TMPDIR", *state, 1) : -1;
}

static int out_of_folder(void **state) {
    unsetenv("TMPDIR");
    return temp_folder_teardown(state);
}

static int count_entries(const char *path) {
    DIR *all = opendir(path);
    int count = 0;
    assert_non_null(all);
    for (struct dirent *entry; (entry = readdir(all));)
        count += entry->d_name[0] != '.';
    closedir(all);
    return count;
}

static void write_into(const char *folder) {
    char path[4200];
    snprintf(path, sizeof path, "%s/file", folder);
    assert_int_equal(file_replace(path, "x", 1, NULL), ACCEL_OK);
}

static owned_folder make(void) {
    accel_error err;
    owned_folder f;
    assert_ok(owned_folder_make(PREFIX, &f, &err));
    assert_true(f.lock >= 0);
    write_into(f.path);
    return f;
}

/* A process that makes a folder and lives until it is killed. */
static pid_t start_owner(void) {
    int ends[2];
    char told;
    assert_int_equal(pipe(ends), 0);
    pid_t owner = fork();
    if (owner == 0) {
        (void)make();
        if (write(ends[1], "", 1) == 1)
            for (;;)
                (void)pause();
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &told, 1), 1);
    close(ends[0]);
    return owner;
}

static void end_owner(pid_t owner) {
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
}

static int told;
static void tell(const char *path) {
    assert_true(file_is_folder(path));
    told++;
}

static void one_has_its_name_and_goes(void **state) {
    owned_folder f = make();
    assert_true(strncmp(file_base_name(f.path), PREFIX, strlen(PREFIX)) == 0);
    assert_int_equal(count_entries(*state), 1);
    owned_folder_remove(&f, 0);
    assert_null(f.path);
    assert_int_equal(count_entries(*state), 0);
    owned_folder_remove(&f, 0); /* a zero one */
}

static void only_those_of_the_dead_are_swept(void **state) {
    pid_t owner = start_owner();
    owned_folder f = make();
    mkdir(temp_path(state, "accel-other"), 0700);
    told = 0;
    owned_folder_sweep(&f, PREFIX, tell);
    assert_int_equal(count_entries(*state), 3);
    assert_int_equal(told, 0);
    end_owner(owner);
    owned_folder_sweep(&f, PREFIX, tell);
    assert_int_equal(told, 1);
    assert_int_equal(count_entries(*state), 2);
    assert_true(file_is_folder(f.path));
    owned_folder_remove(&f, 0);
}

static void who_begins_removes_those_of_the_dead(void **state) {
    accel_error err = {0};
    owned_folder f;
    pid_t owner = start_owner();
    mkdir(temp_path(state, PREFIX "dead"), 0700);
    assert_int_equal(owned_folder_make_alone(PREFIX, &f, &err), ACCEL_OK);
    assert_int_equal(count_entries(*state), 2);
    end_owner(owner);
    owned_folder_remove(&f, 0);
    assert_int_equal(count_entries(*state), 1); /* the owner's, who was killed meanwhile */
}

/* A dead one's folder with a living one's in it. */
static void one_with_an_owner_inside_stays(void **state) {
    owned_folder f = make();
    const char *dead = temp_path(state, PREFIX "dead");
    mkdir(dead, 0700);
    setenv("TMPDIR", dead, 1);
    pid_t owner = start_owner();
    setenv("TMPDIR", *state, 1);
    owned_folder_sweep(&f, PREFIX, NULL);
    assert_int_equal(count_entries(dead), 1);
    end_owner(owner);
    owned_folder_sweep(&f, PREFIX, NULL);
    assert_false(file_exists(dead));
    owned_folder_remove(&f, 0);
}

static void removing_waits_for_the_owner_inside(void **state) {
    owned_folder f = make();
    (void)state;
    setenv("TMPDIR", f.path, 1);
    pid_t owner = start_owner(), killer = fork();
    setenv("TMPDIR", *state, 1);
    if (killer == 0) {
        usleep(300000);
        kill(owner, SIGKILL);
        _exit(0);
    }
    uint64_t begin = clock_now_ns();
    owned_folder_remove(&f, 20);
    double took_s = (double)(clock_now_ns() - begin) * 1e-9;
    assert_true(took_s > 0.2 && took_s < 15);
    assert_int_equal(count_entries(*state), 0);
    end_owner(owner);
    waitpid(killer, NULL, 0);
}

/* The descriptor of a second owner, as a fork has it. */
static void the_last_owner_removes_what_was_abandoned(void **state) {
    owned_folder f = make();
    int second = dup(f.lock);
    owned_folder_abandon(f.path, f.lock, 0);
    assert_true(file_is_folder(f.path));
    owned_folder_abandon(f.path, second, 0);
    assert_int_equal(count_entries(*state), 0);
    f.lock = -1;
    owned_folder_remove(&f, 0);
}

static void failures_leave_nothing(void **state) {
    for (uint64_t n = 1; n <= 6; n++) {
        owned_folder f;
        accel_error err;
        file_fault_set(n, 28 /* ENOSPC */);
        accel_status status = owned_folder_make(PREFIX, &f, &err);
        file_fault_set(0, 0);
        assert_true(status == ACCEL_OK || f.path == NULL);
        owned_folder_remove(&f, 0);
        assert_int_equal(count_entries(*state), 0);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, in_folder, out_of_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_has_its_name_and_goes),
        IN_FOLDER(only_those_of_the_dead_are_swept),
        IN_FOLDER(who_begins_removes_those_of_the_dead),
        IN_FOLDER(one_with_an_owner_inside_stays),
        IN_FOLDER(removing_waits_for_the_owner_inside),
        IN_FOLDER(the_last_owner_removes_what_was_abandoned),
        IN_FOLDER(failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
