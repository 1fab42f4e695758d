#include "server/certificate.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "server/secret.h"

enum { VALID_DAYS = 825, SERIAL_BYTES = 16, DAY_S = 86400 }; /* more days are refused by Apple's systems */

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

static X509 *read_certificate(const char *path) {
    char *pem;
    size_t length;
    if (file_read(path, 1 << 16, &pem, &length, NULL) != ACCEL_OK)
        return NULL;
    BIO *source = BIO_new_mem_buf(pem, (int)length);
    X509 *x = source ? PEM_read_bio_X509(source, NULL, NULL, NULL) : NULL;
    BIO_free(source);
    mem_free(pem);
    return x;
}

static bool is_of_use(X509 *x, const char *key_path, const char *address) {
    time_t tomorrow = time(NULL) + DAY_S;
    return x && file_exists(key_path) && X509_cmp_time(X509_get0_notAfter(x), &tomorrow) > 0 &&
           X509_check_ip_asc(x, address, 0) == 1;
}

static void read_fingerprint(const X509 *x, char out[96]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (X509_digest(x, EVP_sha256(), digest, &length) != 1)
        length = 0;
    for (unsigned i = 0; i < length; i++)
        str_format(out + 3 * i, 4, "%02X:", digest[i]);
    out[length ? 3 * length - 1 : 0] = '\0';
}

/* ---- making ----------------------------------------------------------------------------------------------------------------- */

static bool add_extension(X509 *x, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool added = extension && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *x) {
    unsigned char bytes[SERIAL_BYTES];
    BIGNUM *number = RAND_bytes(bytes, sizeof bytes) == 1 ? BN_bin2bn(bytes, sizeof bytes, NULL) : NULL;
    bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return set;
}

static bool fill_in(X509 *x, EVP_PKEY *key, const char *address) {
    char names[256];
    str_format(names, sizeof names, "DNS:localhost,IP:127.0.0.1,IP:::1,IP:%s", address);
    X509_NAME *name = X509_get_subject_name(x);
    return X509_set_version(x, 2) == 1 && set_serial(x) && X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) &&
           X509_gmtime_adj(X509_getm_notAfter(x), (long)VALID_DAYS * DAY_S) && X509_set_pubkey(x, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"accel on this network", -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, name) == 1 &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") &&
           add_extension(x, NID_subject_alt_name, names) && X509_sign(x, key, EVP_sha256()) > 0;
}

static accel_status write_pem(BIO *pem, const char *path, accel_error *err) {
    char *bytes = NULL;
    long length = BIO_get_mem_data(pem, &bytes);
    return secret_write(path, bytes, (size_t)length, err);
}

static accel_status keep(X509 *x, EVP_PKEY *key, const certificate *c, accel_error *err) {
    BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    bool written = pem && key_pem && PEM_write_bio_X509(pem, x) == 1 &&
                   PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1;
    accel_status status = written ? write_pem(key_pem, str_text(&c->key_path), err)
                                  : error_set(err, ACCEL_RUNTIME, "a certificate cannot be written");
    if (status == ACCEL_OK)
        status = write_pem(pem, str_text(&c->certificate_path), err);
    BIO_free(pem);
    BIO_free(key_pem);
    return status;
}

static accel_status make(const char *address, certificate *c, accel_error *err) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    accel_status status =
        key && x && fill_in(x, key, address)
            ? keep(x, key, c, err)
            : error_set(err, ACCEL_RUNTIME, "libcrypto makes no certificate for %s", address);
    if (status == ACCEL_OK)
        read_fingerprint(x, c->fingerprint);
    X509_free(x);
    EVP_PKEY_free(key);
    return status;
}

accel_status certificate_find(const char *folder, const char *address, certificate *out, accel_error *err) {
    *out = (certificate){0};
    file_join(&out->certificate_path, folder, "certificate.pem");
    file_join(&out->key_path, folder, "key.pem");
    if (out->certificate_path.failed || out->key_path.failed)
        return error_no_memory(err, "a path", out->key_path.length);
    X509 *x = read_certificate(out->certificate_path.data);
    bool found = is_of_use(x, out->key_path.data, address);
    if (found)
        read_fingerprint(x, out->fingerprint);
    X509_free(x);
    return found ? ACCEL_OK : make(address, out, err);
}

void certificate_free(certificate *c) {
    str_free(&c->certificate_path);
    str_free(&c->key_path);
}
