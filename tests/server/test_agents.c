/* A made-up agent, the servers, and a process that uses the agent through the hub. */
#include <pthread.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engines/browser/hub.h"
#include "net/net.h"
#include "server/agents.h"
#include "support/temp_folder.h"
#include "support/test.h"

static accel_error err;
static agents *served;

/* ---- a made-up agent ---------------------------------------------------------------------------------------------------------- */

typedef struct device {
    net_socket *socket;
    pthread_t thread;
    pthread_mutex_t lock;
    str_buf heard; /* what it was told, a line each */
    bool sulks;    /* answers nothing but unload */
    bool ends;
} device;

static void say(device *d, const char *text) {
    (void)net_socket_send(d->socket, text, strlen(text), NULL);
}

static void answer_job(device *d, yyjson_val *job) {
    char text[512], url[256];
    long long id = (long long)yyjson_get_sint(yyjson_obj_get(job, "id"));
    const char *what = yyjson_get_str(yyjson_obj_get(job, "do"));
    str_buf body = {0};
    int status;
    if (d->sulks && strcmp(what, "unload") != 0)
        return;
    if (strcmp(what, "load") == 0) { /* fetches the model, and tells its content */
        str_format(url, sizeof url, "http://127.0.0.1:%d%s", agents_port(served),
                   yyjson_get_str(yyjson_obj_get(job, "model")));
        (void)net_fetch("GET", url, NULL, NULL, 10, 1000, &status, &body, NULL);
        str_format(text, sizeof text,
                   "{\"type\":\"progress\",\"id\":%lld,\"phase\":\"download\",\"loaded\":1}", id);
        say(d, text);
        str_format(text, sizeof text,
                   "{\"type\":\"done\",\"id\":%lld,\"result\":{\"status\":%d,\"model\":\"%s\"}}", id, status,
                   str_text(&body));
    } else if (strcmp(what, "outputs") == 0) {
        str_format(url, sizeof url, "http://127.0.0.1:%d%s/1", agents_port(served),
                   yyjson_get_str(yyjson_obj_get(job, "put")));
        (void)net_fetch("PUT", url, "application/octet-stream", "an output", 10, 1000, &status, &body, NULL);
        str_format(text, sizeof text, "{\"type\":\"done\",\"id\":%lld,\"result\":{\"status\":%d}}", id,
                   status);
    } else if (strcmp(what, "refuse") == 0) {
        str_format(text, sizeof text,
                   "{\"type\":\"failed\",\"id\":%lld,\"status\":\"unsupported\",\"error\":\"not here\"}", id);
    } else {
        str_format(text, sizeof text, "{\"type\":\"done\",\"id\":%lld,\"result\":{}}", id);
    }
    say(d, text);
    str_free(&body);
}

static void *be_a_device(void *context) {
    device *d = context;
    str_buf text = {0};
    accel_status status = ACCEL_OK;
    bool ends = false;
    while (!ends && (status == ACCEL_OK || status == ACCEL_TIMEOUT)) {
        status = net_socket_receive(d->socket, 0.05, &text, NULL);
        pthread_mutex_lock(&d->lock);
        ends = d->ends;
        if (status != ACCEL_OK) {
            pthread_mutex_unlock(&d->lock);
            say(d, "{\"type\":\"alive\",\"visibility\":\"visible\",\"busy\":false}");
            continue;
        }
        str_appendf(&d->heard, "%s\n", str_text(&text));
        pthread_mutex_unlock(&d->lock);
        yyjson_doc *doc = yyjson_read(text.data, text.length, 0);
        yyjson_val *root = yyjson_doc_get_root(doc);
        if (strcmp(yyjson_get_str(yyjson_obj_get(root, "type")), "job") == 0)
            answer_job(d, root);
        yyjson_doc_free(doc);
    }
    str_free(&text);
    return NULL;
}

static void device_start(device *d, const char *name) {
    char url[256];
    str_buf hello = {0};
    str_format(url, sizeof url, "ws://127.0.0.1:%d/agent?token=%s", agents_port(served),
               agents_token(served));
    assert_ok(net_socket_open(url, 10, &d->socket, &err));
    str_appendf(
        &hello,
        "{\"type\":\"hello\",\"protocol\":1,\"agent\":\"%s\",\"user_agent\":\"made up\",\"capabilities\":{\"platforms\":[],\"cpus\":3}}",
        name);
    assert_ok(net_socket_send(d->socket, hello.data, hello.length, &err));
    str_free(&hello);
    pthread_mutex_init(&d->lock, NULL);
    assert_int_equal(pthread_create(&d->thread, NULL, be_a_device, d), 0);
}

static bool device_heard(device *d, const char *text) {
    pthread_mutex_lock(&d->lock);
    bool heard = strstr(str_text(&d->heard), text) != NULL;
    pthread_mutex_unlock(&d->lock);
    return heard;
}

static void device_wait_for(device *d, const char *text) {
    for (int i = 0; i < 1000 && !device_heard(d, text); i++)
        clock_sleep_ns(10000000);
    assert_true(device_heard(d, text));
}

static void device_stop(device *d) {
    pthread_mutex_lock(&d->lock);
    d->ends = true;
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    net_socket_close(d->socket);
    str_free(&d->heard);
}

/* ---- serving --------------------------------------------------------------------------------------------------------------------- */

static agents_options options_in(void **state) {
    return (agents_options){.web_folder = *state, .hub_path = temp_path(state, "accel/agents.json")};
}

static int start(void **state) {
    if (temp_folder_setup(state) != 0)
        return -1;
    setenv("XDG_RUNTIME_DIR", *state, 1);
    agents_options options = options_in(state);
    if (agents_start(&options, &served, &err) != ACCEL_OK)
        fail_msg("%s", err.message);
    return 0;
}

static int stop(void **state) {
    agents_stop(served);
    served = NULL;
    return temp_folder_teardown(state);
}

/* Waits until so many agents are listed. */
static void wait_for_agents(size_t count) {
    size_t there = SIZE_MAX;
    for (int i = 0; i < 1000 && there != count; i++) {
        yyjson_doc *doc;
        assert_ok(hub_list(&doc, &err));
        there = yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "agents"));
        yyjson_doc_free(doc);
        if (there != count)
            clock_sleep_ns(10000000);
    }
    assert_int_equal(there, count);
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------------- */

static void jobs_reach_the_agent_and_answers_come_back(void **state) {
    device d = {0};
    hub *h;
    yyjson_doc *answer;
    str_buf url = {0}, job = {0};
    device_start(&d, "pixel");
    wait_for_agents(1);
    assert_ok(hub_open("pixel", &h, &err));
    assert_int_equal(yyjson_get_int(yyjson_obj_get(hub_capabilities(h), "cpus")), 3);
    assert_ok(hub_serve_file(h, temp_file(state, "model", "the model"), &url, &err));
    str_appendf(&job, "\"model\":\"%s\"", str_text(&url));
    assert_ok(hub_job(h, "load", str_text(&job), 10, &answer, &err));
    yyjson_val *result = yyjson_obj_get(yyjson_doc_get_root(answer), "result");
    assert_int_equal(yyjson_get_int(yyjson_obj_get(result, "status")), 200);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(result, "model")), "the model");
    yyjson_doc_free(answer);
    assert_int_equal(hub_job(h, "refuse", "", 10, &answer, &err), ACCEL_UNSUPPORTED);
    assert_string_equal(err.message, "not here");
    hub_close(h);
    device_stop(&d);
    str_free(&url);
    str_free(&job);
}

static void bytes_and_outputs_cross_the_hub(void **state) {
    (void)state;
    static const size_t most[2] = {4, 9};
    device d = {0};
    hub *h;
    yyjson_doc *answer;
    str_buf url = {0}, again = {0}, put = {0}, job = {0}, out = {0};
    device_start(&d, "pixel");
    wait_for_agents(1);
    assert_ok(hub_open("pixel", &h, &err));
    assert_ok(hub_serve_bytes(h, "some bytes", 10, &url, &err));
    assert_ok(hub_forget_bytes(h, &err));
    assert_ok(hub_serve_bytes(h, "others", 6, &again, &err));
    assert_string_equal(str_text(&again), str_text(&url));
    str_appendf(&job, "\"model\":\"%s\"", str_text(&again));
    assert_ok(hub_job(h, "load", str_text(&job), 10, &answer, &err));
    assert_string_equal(
        yyjson_get_str(yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(answer), "result"), "model")),
        "others");
    yyjson_doc_free(answer);
    assert_ok(hub_expect(h, 2, most, &put, &err));
    str_free(&job);
    str_appendf(&job, "\"put\":\"%s\"", str_text(&put));
    assert_ok(hub_job(h, "outputs", str_text(&job), 10, &answer, &err));
    yyjson_doc_free(answer);
    assert_ok(hub_delivered(h, 1, 100, &out, &err));
    assert_string_equal(str_text(&out), "an output");
    assert_int_equal(hub_delivered(h, 0, 100, &out, &err), ACCEL_NOT_FOUND);
    assert_int_equal(hub_delivered(h, 7, 100, &out, &err), ACCEL_NOT_FOUND);
    hub_close(h);
    device_stop(&d);
    str_free(&url);
    str_free(&again);
    str_free(&put);
    str_free(&job);
    str_free(&out);
}

static void an_agent_is_used_by_one_process_at_a_time(void **state) {
    (void)state;
    device d = {.sulks = true};
    hub *first, *second;
    yyjson_doc *answer;
    device_start(&d, "pixel");
    wait_for_agents(1);
    assert_ok(hub_open("pixel", &first, &err));
    assert_int_equal(hub_job(first, "run", "", 0.2, &answer, &err), ACCEL_TIMEOUT);
    assert_says("'run' is not done after");
    hub_close(first); /* in the middle of its job, which is cancelled */
    device_wait_for(&d, "{\"type\":\"cancel\",\"id\":1}");
    say(&d, "{\"type\":\"failed\",\"id\":1,\"status\":\"cancelled\",\"error\":\"cancelled\"}");
    device_wait_for(&d, "\"do\":\"unload\"");
    assert_ok(hub_open("pixel", &second, &err));
    hub_close(second);
    device_stop(&d);
}

static void an_agent_that_goes_is_missed(void **state) {
    device d = {0};
    hub *h;
    yyjson_doc *answer;
    str_buf lines = {0};
    (void)state;
    device_start(&d, "pixel");
    wait_for_agents(1);
    assert_ok(hub_open("pixel", &h, &err));
    say(&d, "this is no message"); /* so it is sent away */
    assert_int_equal(hub_job(h, "run", "", 10, &answer, &err), ACCEL_IO);
    assert_says("the agent 'pixel' is gone");
    hub_close(h);
    device_stop(&d);
    wait_for_agents(0);
    agents_look(served, &lines);
    assert_non_null(strstr(str_text(&lines), "pixel came, from 127.0.0.1\n"));
    assert_non_null(
        strstr(str_text(&lines), "pixel, 127.0.0.1 is sent away: an agent's message is not valid JSON"));
    assert_non_null(strstr(str_text(&lines), "pixel went\n"));
    assert_int_equal(hub_open("pixel", &h, &err), ACCEL_NOT_FOUND);
    assert_says("no agent is called 'pixel'; none is connected");
    str_free(&lines);
}

static void agents_of_one_name_are_told_apart(void **state) {
    (void)state;
    device one = {0}, two = {0};
    hub *h;
    device_start(&one, "pixel");
    wait_for_agents(1);
    device_start(&two, "pixel");
    wait_for_agents(2);
    assert_ok(hub_open("pixel-2", &h, &err));
    hub_close(h);
    assert_int_equal(hub_open("iphone", &h, &err), ACCEL_NOT_FOUND);
    assert_says("there are: pixel");
    device_stop(&one);
    device_stop(&two);
}

static int status_of(const char *method, int port, const char *path, const char *body) {
    char url[256];
    str_buf answer = {0};
    int status = 0;
    str_format(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    (void)net_fetch(method, url, body ? "text/plain" : NULL, body, 10, 1 << 20, &status, &answer, NULL);
    str_free(&answer);
    return status;
}

static void strangers_get_nothing(void **state) {
    net_socket *s;
    char url[256];
    int port = agents_port(served);
    char *bytes;
    size_t length;
    assert_int_equal(status_of("GET", port, "/files/00000000000000000000000000000000/0", NULL), 404);
    assert_int_equal(status_of("GET", port, "/files/x", NULL), 404);
    assert_int_equal(status_of("PUT", port, "/put/00000000000000000000000000000000/0", "x"), 413);
    assert_int_equal(status_of("POST", port, "/", "x"), 413);
    assert_int_equal(status_of("DELETE", port, "/", NULL), 405);
    assert_int_equal(status_of("GET", port, "/hub/agents", NULL), 404);
    assert_int_equal(status_of("GET", port, "/?token=0123", NULL), 302);
    str_format(url, sizeof url, "ws://127.0.0.1:%d/agent?token=00000000000000000000000000000000", port);
    assert_int_equal(net_socket_open(url, 10, &s, &err), ACCEL_RUNTIME);
    assert_says("answered 403");
    /* The hub is on another port, and its file is for this user alone. */
    assert_ok(file_read(temp_path(state, "accel/agents.json"), 1000, &bytes, &length, &err));
    int hub_port = atoi(strstr(bytes, "\"port\":") + 7);
    assert_int_equal(status_of("GET", hub_port, "/hub/agents", NULL), 403);
    assert_int_equal(status_of("GET", hub_port, "/hub/agents?token=x", NULL), 403);
    mem_free(bytes);
}

static void only_one_serves_at_a_time(void **state) {
    agents *another;
    agents_options options = options_in(state);
    assert_int_equal(agents_start(&options, &another, &err), ACCEL_BUSY);
    assert_says("runs already");
    assert_true(hub_answers(options.hub_path));
    agents_stop(served);
    served = NULL;
    yyjson_doc *doc;
    assert_int_equal(hub_list(&doc, &err), ACCEL_ABSENT);
    assert_says("start `accel serve --agents`");
}

#define WITH_AGENTS(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_AGENTS(jobs_reach_the_agent_and_answers_come_back),
        WITH_AGENTS(bytes_and_outputs_cross_the_hub),
        WITH_AGENTS(an_agent_is_used_by_one_process_at_a_time),
        WITH_AGENTS(an_agent_that_goes_is_missed),
        WITH_AGENTS(agents_of_one_name_are_told_apart),
        WITH_AGENTS(strangers_get_nothing),
        WITH_AGENTS(only_one_serves_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
