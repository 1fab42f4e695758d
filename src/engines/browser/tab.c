/* Opening a page, and waiting for what it says. */
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engines/browser/tab_server.h"
#include "engines/browser/web_files.h"

static const double OPEN_S = 60, HELLO_S = 60, SILENT_S = 20, HANG_S = 20;
static const uint64_t LOOK_NS = 250000000; /* between two looks at the browser while waiting */

/* ---- waiting ------------------------------------------------------------------------------------------------------------ */

static accel_status lost(tab *t, const char *what, accel_error *err) {
    str_buf why = {0}, console = {0};
    browser_state state = t->browser != NULL ? browser_look(t->browser, &why) : BROWSER_ENDED;
    if (t->browser != NULL)
        browser_console(t->browser, &console);
    const char *words = str_text(&console);
    size_t skip = console.length > 300 ? console.length - 300 : 0; /* its last words */
    accel_status status =
        error_set(err, ACCEL_CRASHED, "%s: %s%s%s", what,
                  state == BROWSER_RUNNING ? "the page closed its connection" : str_text(&why),
                  console.length > 0 ? "; the browser's last words: " : "", words + skip);
    str_free(&why);
    str_free(&console);
    return status;
}

static bool is_there(const tab *t, bool greeting) {
    return greeting ? t->greeted : t->answer != NULL;
}

static void wait_a_little(tab *t) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)LOOK_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&t->changed, &t->lock, &until);
}

/* Until the hello or the answer is there; called with the lock, which is given back for looking at the browser. */
static accel_status wait_for(tab *t, bool greeting, const char *what, double timeout_s, accel_error *err) {
    uint64_t begun = clock_now_ns();
    while (!is_there(t, greeting)) {
        uint64_t now = clock_now_ns();
        if (t->closed)
            return lost(t, what, err);
        if ((double)(now - begun) / 1e9 > timeout_s)
            return error_set(err, ACCEL_TIMEOUT, "%s: not done after %.0f s", what, timeout_s);
        if (t->peer != NULL && (double)(now - t->heard_ns) / 1e9 > HANG_S)
            return error_set(err, ACCEL_TIMEOUT, "%s: the page has not been heard of for %.0f s; it hangs",
                             what, HANG_S);
        wait_a_little(t);
        if (is_there(t, greeting))
            break;
        pthread_mutex_unlock(&t->lock);
        browser_state state = browser_look(t->browser, NULL);
        pthread_mutex_lock(&t->lock);
        if (state == BROWSER_ENDED || state == BROWSER_TAB_CRASHED)
            return is_there(t, greeting) ? ACCEL_OK : lost(t, what, err);
    }
    return ACCEL_OK;
}

/* ---- opening --------------------------------------------------------------------------------------------------------------- */

/* Each page has an address of its own, so that none is taken for another that is there already. */
static accel_status open_page(tab *t, accel_error *err) {
    char url[160];
    str_format(url, sizeof url, "http://127.0.0.1:%d/agent/agent.html?token=%s&page=%d",
               net_server_port(t->server), t->token, t->pages++);
    accel_status status = browser_navigate(t->browser, url, OPEN_S, err);
    browser_state state = browser_look(t->browser, NULL);
    return status != ACCEL_OK && (state == BROWSER_ENDED || state == BROWSER_TAB_CRASHED)
               ? lost(t, "the agent's page could not be opened", err)
               : status;
}

static accel_status wait_for_hello(tab *t, double timeout_s, bool *silent, accel_error *err) {
    pthread_mutex_lock(&t->lock);
    accel_status status = wait_for(t, true, "the agent page did not connect", timeout_s, err);
    *silent = status == ACCEL_TIMEOUT && t->peer == NULL;
    pthread_mutex_unlock(&t->lock);
    return status;
}

/* A page that stays silent is opened once more: a process of the browser's that loads its parts may have ended meanwhile, which it does not tell. */
static accel_status greet(tab *t, accel_error *err) {
    bool silent = false;
    ACCEL_TRY(open_page(t, err));
    accel_status status = wait_for_hello(t, SILENT_S, &silent, err);
    if (!silent)
        return status;
    ACCEL_TRY(open_page(t, err));
    return wait_for_hello(t, HELLO_S, &silent, err);
}

accel_status tab_renew(tab *t, accel_error *err) {
    if (t->hub != NULL)
        return error_set(err, ACCEL_UNSUPPORTED, "a page of another device cannot be opened anew from here");
    pthread_mutex_lock(&t->lock);
    t->peer = NULL; /* what the page that goes still says is of no interest */
    t->greeted = t->closed = false;
    pthread_mutex_unlock(&t->lock);
    return greet(t, err);
}

static accel_status make_token(tab *t, accel_error *err) {
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(err, ACCEL_IO, "the system gave no random bytes for an agent's token");
    for (size_t i = 0; i < sizeof bytes; i++)
        str_format(t->token + 2 * i, 3, "%02x", bytes[i]);
    return ACCEL_OK;
}

static accel_status open_own(tab *t, const engine_context *context, const char *name, accel_error *err) {
    ACCEL_TRY(web_files_find(context, &t->web, err));
    ACCEL_TRY(make_token(t, err));
    ACCEL_TRY(tab_server_start(t, err));
    const browser_options options = {.name = name};
    ACCEL_TRY(browser_start(&options, &t->browser, err));
    return greet(t, err);
}

/* A device that was named and is not connected is an absent one. */
static accel_status open_agent(tab *t, const char *name, accel_error *err) {
    accel_status status = hub_open(name, &t->hub, err);
    return status == ACCEL_NOT_FOUND ? error_prefix(err, ACCEL_ABSENT, "agent") : status;
}

accel_status tab_open(const engine_context *context, const char *name, tab **out, accel_error *err) {
    *out = NULL;
    tab *t = mem_calloc(1, sizeof *t);
    if (t == NULL || (t->memory = arena_create()) == NULL) {
        mem_free(t);
        return error_no_memory(err, "a tab", sizeof *t);
    }
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    accel_status status =
        *name == TAB_AGENT_MARK ? open_agent(t, name + 1, err) : open_own(t, context, name, err);
    if (status == ACCEL_OK)
        *out = t;
    else
        tab_close(t);
    return status;
}

void tab_close(tab *t) {
    if (t == NULL)
        return;
    hub_close(t->hub);
    browser_stop(t->browser);
    net_server_stop(t->server);
    for (size_t i = 0; i < t->delivery_count; i++)
        mem_free(t->deliveries[i].bytes);
    mem_free(t->deliveries);
    yyjson_doc_free(t->hello);
    yyjson_doc_free(t->answer);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    str_free(&t->web);
    arena_destroy(t->memory);
    mem_free(t);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------------- */

static accel_status send_job(tab *t, const char *what, const char *members, accel_error *err) {
    str_buf text = {0};
    accel_error failure = {0};
    str_appendf(&text, "{\"type\":\"job\",\"id\":%lld,\"do\":\"%s\"%s%s}", (long long)t->job, what,
                *members != '\0' ? "," : "", members);
    accel_status status = t->peer == NULL ? error_set(&failure, ACCEL_IO, "the page is gone")
                          : text.failed   ? error_no_memory(&failure, "a job", text.length)
                                          : net_peer_send(t->peer, text.data, text.length, false, &failure);
    str_free(&text);
    return status == ACCEL_OK ? ACCEL_OK : lost(t, failure.message, err);
}

/* What a page could not do because a process of its browser ended is a crash. */
static accel_status refuse(tab *t, accel_error *err) {
    const agent_message *m = &t->answered;
    return (m->status == ACCEL_RUNTIME || m->status == ACCEL_IO) &&
                   browser_look(t->browser, NULL) != BROWSER_RUNNING
               ? lost(t, m->error, err)
               : error_set(err, m->status, "%s", m->error);
}

accel_status tab_job(tab *t, const char *what, const char *members, double timeout_s, yyjson_doc **result,
                     accel_error *err) {
    char doing[64];
    *result = NULL;
    if (t->hub != NULL)
        return hub_job(t->hub, what, members, timeout_s, result, err);
    str_format(doing, sizeof doing, "the page's job '%s'", what);
    pthread_mutex_lock(&t->lock);
    t->job++;
    yyjson_doc_free(t->answer);
    t->answer = NULL;
    accel_status status = send_job(t, what, members, err);
    if (status == ACCEL_OK)
        status = wait_for(t, false, doing, timeout_s, err);
    if (status == ACCEL_OK && t->answered.kind == AGENT_FAILED)
        status = refuse(t, err);
    if (status == ACCEL_OK) {
        *result = t->answer;
        t->answer = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

/* ---- what is known of it -------------------------------------------------------------------------------------------------- */

yyjson_val *tab_capabilities(const tab *t) {
    return t->hub != NULL ? hub_capabilities(t->hub)
                          : yyjson_obj_get(yyjson_doc_get_root(t->hello), "capabilities");
}

const char *tab_browser_version(const tab *t) {
    return t->hub != NULL ? NULL : browser_version(t->browser);
}

uint64_t tab_cpu_ns(tab *t) {
    uint64_t cpu_ns = 0, rss_bytes = 0;
    if (t->hub == NULL)
        browser_usage(t->browser, &cpu_ns, &rss_bytes);
    t->most_rss = rss_bytes > t->most_rss ? rss_bytes : t->most_rss;
    return cpu_ns;
}

uint64_t tab_most_rss(const tab *t) {
    return t->most_rss;
}
