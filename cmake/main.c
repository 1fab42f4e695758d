/* The command accel: all of it lies in libaccel. */
#include "accel/accel.h"

int main(int argc, char **argv) {
    return accel_main(argc, argv);
}
