/* accel serve: devices of the network as devices of this machine. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "engines/browser/hub.h"
#include "engines/browser/web_files.h"
#include "server/agents.h"
#include "server/certificate.h"
#include "server/qr.h"

enum { DEFAULT_PORT = 8443 };
static const uint64_t LOOK_NS = 200000000;

/* ---- where ------------------------------------------------------------------------------------------------------------------- */

/* $XDG_DATA_HOME/accel, else ~/.local/share/accel. */
static accel_status data_folder(str_buf *out, accel_error *err) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data != NULL && *data == '/')
        str_appendf(out, "%s/accel", data);
    else if (home != NULL && *home == '/')
        str_appendf(out, "%s/.local/share/accel", home);
    else
        return error_set(
            err, ACCEL_ABSENT,
            "there is no place for the certificate: neither XDG_DATA_HOME nor HOME is an absolute path");
    return out->failed ? error_no_memory(err, "a path", out->length) : ACCEL_OK;
}

static bool is_any(const char *host) {
    return str_equal(host, "0.0.0.0") || str_equal(host, "::");
}

/* The address that others reach this machine by, where it listens on all: that of the way out. Nothing is sent. */
static bool address_outward(char *out, socklen_t size) {
    struct sockaddr_in far = {.sin_family = AF_INET,
                              .sin_port = htons(9),
                              .sin_addr.s_addr = htonl(0xC0000201)},
                       own = {0};
    socklen_t length = sizeof own;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = connect(descriptor, (struct sockaddr *)&far, sizeof far) == 0 &&
                 getsockname(descriptor, (struct sockaddr *)&own, &length) == 0 &&
                 inet_ntop(AF_INET, &own.sin_addr, out, size) != NULL;
    close(descriptor);
    return found;
}

static accel_status check_host(const char *host, accel_error *err) {
    unsigned char bytes[16];
    if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
        return ACCEL_OK;
    return error_set(
        err, ACCEL_INVALID_ARGUMENT,
        "--host: \"%s\" is no address; give one of this machine's in numbers, or 0.0.0.0 for all of them",
        host);
}

/* ---- running ----------------------------------------------------------------------------------------------------------------- */

static accel_status print_address(const agents *a, const char *address, const certificate *c,
                                  accel_error *err) {
    str_buf text = {0}, url = {0};
    bool v6 = strchr(address, ':') != NULL;
    str_appendf(&url, "https://%s%s%s:%d/?token=%s", v6 ? "[" : "", address, v6 ? "]" : "", agents_port(a),
                agents_token(a));
    str_appendf(
        &text,
        "Open this address on the device that is to be measured:\n\n    %s\n\n"
        "Its browser asks whether to trust the certificate, which is accel's own. Its SHA-256 fingerprint:\n\n    %s\n\n",
        str_text(&url), c->fingerprint);
    accel_error why = {0};
    if (isatty(STDOUT_FILENO) && qr_draw(str_text(&url), &text, &why) != ACCEL_OK)
        str_appendf(&text, "No code to scan: %s\n", why.message);
    str_append(&text, "Ctrl-C ends this.\n\n");
    accel_status status = text.failed || url.failed ? error_no_memory(err, "a text", text.length)
                                                    : cli_write(text.data, text.length, err);
    str_free(&text);
    str_free(&url);
    return status;
}

static accel_status run_until_interrupted(agents *a, accel_error *err) {
    accel_status status = ACCEL_OK;
    cli_interrupt_catch();
    while (status == ACCEL_OK && !*cli_interrupt_flag()) {
        str_buf lines = {0};
        agents_look(a, &lines);
        if (lines.length > 0)
            status = cli_write(lines.data, lines.length, err);
        str_free(&lines);
        clock_sleep_ns(LOOK_NS);
    }
    return status;
}

static accel_status serve_agents(agents_options *o, accel_error *err) {
    char outward[INET6_ADDRSTRLEN] = "127.0.0.1";
    str_buf folder = {0};
    certificate c = {0};
    agents *a = NULL;
    const char *address = o->host;
    if (is_any(o->host) && address_outward(outward, sizeof outward))
        address = outward;
    accel_status status = data_folder(&folder, err);
    if (status == ACCEL_OK)
        status = certificate_find(folder.data, address, &c, err);
    o->certificate_path = str_text(&c.certificate_path);
    o->key_path = str_text(&c.key_path);
    if (status == ACCEL_OK)
        status = agents_start(o, &a, err);
    if (status == ACCEL_OK)
        status = print_address(a, address, &c, err);
    if (status == ACCEL_OK)
        status = run_until_interrupted(a, err);
    agents_stop(a);
    certificate_free(&c);
    str_free(&folder);
    return status;
}

static int run_serve(const command_line *line) {
    accel_error err = {0};
    engine_context context = cli_engine_context(line);
    str_buf web = {0}, hub_path = {0};
    agents_options o = {.host = line_text(line, "host", "127.0.0.1"),
                        .port = (int)line_integer(line, "port", DEFAULT_PORT)};
    if (!line_flag(line, "agents")) {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "say what to serve: --agents");
        (void)cli_fail(&err);
        return EXIT_CODE_USAGE;
    }
    accel_status status = check_host(o.host, &err);
    if (status == ACCEL_OK)
        status = web_files_find(&context, &web, &err);
    if (status == ACCEL_OK)
        status = hub_default_path(&hub_path, &err);
    o.web_folder = str_text(&web);
    o.hub_path = str_text(&hub_path);
    if (status == ACCEL_OK)
        status = serve_agents(&o, &err);
    str_free(&web);
    str_free(&hub_path);
    return status == ACCEL_OK ? EXIT_CODE_OK : cli_fail(&err);
}

static const option_def serve_options[] = {
    {.name = "agents",
     .kind = OPTION_FLAG,
     .help = "the agent page: a device that opens it is measured like one of this machine"},
    {.name = "host",
     .kind = OPTION_TEXT,
     .value_name = "ADDRESS",
     .help = "address to listen on; 0.0.0.0 is all of this machine's",
     .fallback = "127.0.0.1, this machine alone"},
    {.name = "port",
     .kind = OPTION_INTEGER,
     .value_name = "N",
     .help = "port to listen on; 0 is any that is free",
     .fallback = "8443",
     .low = 0,
     .high = 65535},
};
static const option_group serve_group = {"Serving", serve_options,
                                         sizeof serve_options / sizeof *serve_options};
static const option_group *const serve_groups[] = {&serve_group, &options_general};
static const char *const serve_examples[] = {
    "accel serve --agents --host 0.0.0.0",
    "prints an address and its QR code for phones and other machines of the network",
    "accel bench bert-tiny --on wasm@NAME",
    "in another terminal: measures on the device of this name",
    NULL,
};

const command_def command_serve = {
    .name = "serve",
    .summary = "let phones and other machines be measured through a page that they open",
    .positional = "",
    .examples = serve_examples,
    .groups = serve_groups,
    .group_count = 2,
    .run = run_serve,
    .notes =
        "The address holds a token that is new at each start: whoever has it can be an agent, and nobody else. The certificate is made once and "
        "kept in $XDG_DATA_HOME/accel, else in ~/.local/share/accel, with its key for this user alone.",
};
