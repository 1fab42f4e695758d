/* What LeakSanitizer must not call a leak of ours: fontconfig keeps the patterns of a process that has drawn text. */
#ifdef ACCEL_SANITIZED
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig\n";
}
#endif
