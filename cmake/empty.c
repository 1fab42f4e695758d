/* CMake wants a source file for a target that is made of libraries only. */
typedef int accel_empty_translation_unit;
