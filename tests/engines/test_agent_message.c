/* What agents say is read when it keeps to docs/agent-protocol.md, and refused with a sentence when it does not. */
#include "engines/browser/message.h"
#include "support/test.h"

static accel_error err;

static accel_status read_text(const char *text, yyjson_doc **doc, agent_message *m) {
    return agent_message_read(text, strlen(text), doc, m, &err);
}

#define HELLO(agent, capabilities)                                                                           \
    "{\"type\":\"hello\",\"protocol\":1,\"agent\":\"" agent                                                  \
    "\",\"user_agent\":\"x\",\"capabilities\":" capabilities "}"
#define WASM "{\"name\":\"wasm\",\"available\":true,\"reason\":null,\"devices\":[\"cpu\"]}"

static void every_kind_is_read(void **state) {
    yyjson_doc *doc;
    agent_message m;
    (void)state;
    assert_ok(read_text(HELLO("pixel-8", "{\"platforms\":[" WASM "],\"cpus\":8}"), &doc, &m));
    assert_int_equal(m.kind, AGENT_HELLO);
    assert_string_equal(m.agent, "pixel-8");
    assert_int_equal(yyjson_get_int(yyjson_obj_get(m.capabilities, "cpus")), 8);
    yyjson_doc_free(doc);
    assert_ok(read_text("{\"type\":\"alive\",\"visibility\":\"hidden\",\"busy\":true}", &doc, &m));
    assert_true(m.kind == AGENT_ALIVE && m.hidden && m.busy);
    yyjson_doc_free(doc);
    assert_ok(read_text("{\"type\":\"done\",\"id\":7,\"result\":{\"run_ms\":1.5}}", &doc, &m));
    assert_true(m.kind == AGENT_DONE && m.id == 7);
    assert_true(yyjson_get_real(yyjson_obj_get(m.result, "run_ms")) == 1.5);
    yyjson_doc_free(doc);
    assert_ok(read_text(
        "{\"type\":\"failed\",\"id\":9007199254740991,\"status\":\"unsupported\",\"error\":\"no\\u001b[2J\\nway\"}",
        &doc, &m));
    assert_true(m.kind == AGENT_FAILED && m.status == ACCEL_UNSUPPORTED && m.id == 9007199254740991);
    assert_string_equal(m.error, "no [2J way");
    yyjson_doc_free(doc);
    assert_ok(read_text("{\"type\":\"progress\",\"id\":1,\"phase\":\"download\",\"loaded\":5,\"total\":10}",
                        &doc, &m));
    assert_true(m.kind == AGENT_PROGRESS && m.loaded == 5 && m.total == 10);
    assert_string_equal(m.phase, "download");
    yyjson_doc_free(doc);
}

static void long_errors_are_cut_at_a_character(void **state) {
    yyjson_doc *doc;
    agent_message m;
    str_buf text = {0};
    (void)state;
    str_append(&text, "{\"type\":\"failed\",\"id\":1,\"status\":\"error\",\"error\":\"x");
    for (int i = 0; i < 1000; i++)
        str_append(&text, "\u20ac");
    str_append(&text, "\"}");
    assert_ok(read_text(text.data, &doc, &m));
    assert_true(strlen(m.error) < sizeof m.error && strlen(m.error) >= sizeof m.error - 4);
    assert_true(str_utf8_valid(m.error, strlen(m.error)));
    yyjson_doc_free(doc);
    str_free(&text);
}

static void what_breaks_the_protocol_is_refused(void **state) {
    static const struct {
        const char *text;
        accel_status status;
        const char *says;
    } cases[] = {
        {"", ACCEL_BAD_FILE, "not valid JSON"},
        {"[]", ACCEL_BAD_FILE, "'type'"},
        {"{\"type\":7}", ACCEL_BAD_FILE, "'type'"},
        {"{\"type\":\"job\"}", ACCEL_BAD_FILE, "'type'"},
        {"{\"type\":\"hello\\u0000\"}", ACCEL_BAD_FILE, "'type'"},
        {"{\"type\":\"done\",\"id\":0,\"result\":{}}", ACCEL_BAD_FILE, "'id'"},
        {"{\"type\":\"done\",\"id\":-1,\"result\":{}}", ACCEL_BAD_FILE, "'id'"},
        {"{\"type\":\"done\",\"id\":1.5,\"result\":{}}", ACCEL_BAD_FILE, "'id'"},
        {"{\"type\":\"done\",\"id\":9007199254740993,\"result\":{}}", ACCEL_BAD_FILE, "'id'"},
        {"{\"type\":\"done\",\"id\":18446744073709551615,\"result\":{}}", ACCEL_BAD_FILE, "'id'"},
        {"{\"type\":\"done\",\"id\":1,\"result\":[]}", ACCEL_BAD_FILE, "'result'"},
        {"{\"type\":\"failed\",\"id\":1,\"status\":\"ok\",\"error\":\"x\"}", ACCEL_BAD_FILE, "'status'"},
        {"{\"type\":\"failed\",\"id\":1,\"status\":\"fine\",\"error\":\"x\"}", ACCEL_BAD_FILE, "'status'"},
        {"{\"type\":\"failed\",\"id\":1,\"status\":\"error\",\"error\":null}", ACCEL_BAD_FILE, "'error'"},
        {"{\"type\":\"progress\",\"id\":1,\"phase\":\"load\",\"loaded\":-1}", ACCEL_BAD_FILE, "'loaded'"},
        {"{\"type\":\"progress\",\"id\":1,\"phase\":\"load\",\"loaded\":NaN}", ACCEL_BAD_FILE, "'loaded'"},
        {"{\"type\":\"progress\",\"id\":1,\"phase\":\"load\",\"loaded\":1,\"total\":1e300}", ACCEL_BAD_FILE,
         "'total'"},
        {"{\"type\":\"progress\",\"id\":1,\"phase\":{},\"loaded\":1}", ACCEL_BAD_FILE, "'phase'"},
        {"{\"type\":\"alive\",\"visibility\":\"maybe\",\"busy\":true}", ACCEL_BAD_FILE, "'visibility'"},
        {"{\"type\":\"alive\",\"visibility\":\"visible\",\"busy\":1}", ACCEL_BAD_FILE, "'busy'"},
        {"{\"type\":\"hello\",\"protocol\":2,\"agent\":\"a\",\"capabilities\":{\"platforms\":[]}}",
         ACCEL_UNSUPPORTED, "protocol 2"},
        {"{\"type\":\"hello\",\"protocol\":\"1\",\"agent\":\"a\"}", ACCEL_BAD_FILE, "'protocol'"},
        {HELLO("", "{\"platforms\":[]}"), ACCEL_BAD_FILE, "'agent'"},
        {HELLO("../x", "{\"platforms\":[]}"), ACCEL_BAD_FILE, "'agent'"},
        {HELLO("-x", "{\"platforms\":[]}"), ACCEL_BAD_FILE, "'agent'"},
        {HELLO("a b", "{\"platforms\":[]}"), ACCEL_BAD_FILE, "'agent'"},
        {HELLO("0123456789012345678901234567890123456789012345678901234567890123x", "{\"platforms\":[]}"),
         ACCEL_BAD_FILE, "'agent'"},
        {HELLO("a", "[]"), ACCEL_BAD_FILE, "'capabilities'"},
        {HELLO("a", "{}"), ACCEL_BAD_FILE, "'platforms'"},
        {HELLO("a", "{\"platforms\":[{}]}"), ACCEL_BAD_FILE, "'platforms'"},
        {HELLO("a", "{\"platforms\":[{\"name\":\"wasm\",\"available\":1}]}"), ACCEL_BAD_FILE, "'platforms'"},
        {HELLO("a", "{\"platforms\":[{\"name\":\"wasm\",\"available\":true,\"devices\":[7]}]}"),
         ACCEL_BAD_FILE, "'platforms'"},
        {HELLO("a", "{\"platforms\":[],\"deep\":[{\"x\":\"\\u001b\"}]}"), ACCEL_BAD_FILE,
         "control characters"},
        {HELLO("a", "{\"platforms\":[],\"deep\":[Infinity]}"), ACCEL_BAD_FILE, "'capabilities'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yyjson_doc *doc;
        agent_message m;
        accel_status status = read_text(cases[i].text, &doc, &m);
        if (status != cases[i].status)
            fail_msg("%d instead of %d for %s", (int)status, (int)cases[i].status, cases[i].text);
        assert_says(cases[i].says);
        assert_null(doc);
    }
}

static void what_is_too_long_is_refused(void **state) {
    yyjson_doc *doc;
    agent_message m;
    str_buf text = {0};
    (void)state;
    str_append(&text, "{\"type\":\"hello\",\"protocol\":1,\"agent\":\"a\",\"capabilities\":{\"platforms\":[");
    for (int i = 0; i < 17; i++)
        str_appendf(&text, "%s" WASM, i ? "," : "");
    str_append(&text, "]}}");
    assert_int_equal(read_text(text.data, &doc, &m), ACCEL_LIMIT);
    assert_says("17 platforms; 16 are read");
    for (int i = 0; i < 70000; i++)
        str_append_char(&text, ' ');
    assert_int_equal(read_text(text.data, &doc, &m), ACCEL_LIMIT);
    assert_says("65536 are read");
    assert_int_equal(agent_message_read(text.data, AGENT_MOST_BYTES + 1, &doc, &m, &err), ACCEL_LIMIT);
    str_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(long_errors_are_cut_at_a_character),
        cmocka_unit_test(what_breaks_the_protocol_is_refused),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
