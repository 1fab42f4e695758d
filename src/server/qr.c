#include "server/qr.h"

#include <pthread.h>
#include <qrencode.h>

#include "base/library.h"

enum { QUIET = 2 }; /* empty modules around the code: the standard asks for 4, readers are content with 2 */

static struct {
    library *library; /* never unloaded */
    __typeof__(&QRcode_encodeString8bit) encode;
    __typeof__(&QRcode_free) free;
    accel_status status;
    accel_error error;
} qr;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static accel_status bind_all(accel_error *err) {
    ACCEL_TRY(library_open(ACCEL_QRENCODE_SONAME, &qr.library, err));
    ACCEL_TRY(library_bind(qr.library, "QRcode_encodeString8bit", &qr.encode, err));
    return library_bind(qr.library, "QRcode_free", &qr.free, err);
}

static void load(void) {
    qr.status = bind_all(&qr.error);
    if (qr.status != ACCEL_OK)
        error_prefix(&qr.error, qr.status,
                     "libqrencode draws the code and cannot be loaded; install libqrencode4");
}

/* Whether the terminal shows this module bright: outside, and where the code is light. */
static bool is_bright(const QRcode *code, int row, int column) {
    if (row < 0 || column < 0 || row >= code->width || column >= code->width)
        return true;
    return (code->data[row * code->width + column] & 1) == 0;
}

static void draw_line(const QRcode *code, int row, str_buf *out) {
    static const char *const blocks[2][2] = {{" ", "\u2584"},
                                             {"\u2580", "\u2588"}}; /* upper half, lower half */
    str_append(out, "\033[97;40m");
    for (int column = -QUIET; column < code->width + QUIET; column++)
        str_append(out, blocks[is_bright(code, row, column)][is_bright(code, row + 1, column)]);
    str_append(out, "\033[0m\n");
}

accel_status qr_draw(const char *text, str_buf *out, accel_error *err) {
    pthread_once(&once, load);
    if (qr.status != ACCEL_OK && err)
        *err = qr.error;
    ACCEL_TRY(qr.status);
    QRcode *code = qr.encode(text, 0, QR_ECLEVEL_L);
    if (!code)
        return error_set(err, ACCEL_LIMIT, "the address is too long for a QR code");
    for (int row = -QUIET; row < code->width + QUIET; row += 2)
        draw_line(code, row, out);
    qr.free(code);
    return ACCEL_OK;
}
