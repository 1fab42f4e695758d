/* What LeakSanitizer must not call a leak of ours: fontconfig keeps the patterns of a process that has drawn text,
 * libsndfile 1.2 forgets what libvorbis made when an Ogg file's headers are broken, and Mesa's software driver of Vulkan what it compiled. */
#ifdef ACCEL_SANITIZED
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig\nleak:libvorbis\nleak:libvulkan_lvp\nleak:libLLVM\n";
}
#endif
