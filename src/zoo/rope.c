/* Rotary positions (Su et al., arXiv 2104.09864), with the scalings that published models use. */
#include <math.h>
#include <string.h>

#include "zoo/blocks.h"

/* Published files say rope_theta beside rope_scaling; new ones put both into rope_parameters. */
static hf_config *scaling_of(hf_config *c) {
    return hf_config_child(c, hf_config_has(c, "rope_parameters") ? "rope_parameters" : "rope_scaling");
}

/* Llama 3.1: long wavelengths are stretched, short ones kept, those between blended. */
static void stretch_long(hf_config *s, int64_t half, float *inverse) {
    double factor = hf_config_float(s, "factor", 8), low = hf_config_float(s, "low_freq_factor", 1),
           high = hf_config_float(s, "high_freq_factor", 4),
           original = hf_config_float(s, "original_max_position_embeddings", 8192);
    for (int64_t i = 0; i < half; i++) {
        double wavelength = 2 * 3.14159265358979323846 / inverse[i];
        double smooth = (original / wavelength - low) / (high - low);
        smooth = smooth < 0 ? 0 : smooth > 1 ? 1 : smooth;
        inverse[i] = (float)((1 - smooth) * inverse[i] / factor + smooth * inverse[i]);
    }
}

accel_status zoo_rope_frequencies(hf_config *c, double default_theta, int64_t half, float *inverse,
                                  accel_error *err) {
    hf_config *s = scaling_of(c);
    double theta = hf_config_rope_theta(c, "", default_theta);
    const char *kind = hf_config_string(s, "rope_type", hf_config_string(s, "type", "default"));
    double factor = hf_config_float(s, "factor", 1);
    ACCEL_TRY(hf_config_check(c, err));
    if (!(theta > 0) || !(factor > 0))
        return error_set(err, ACCEL_BAD_FILE, "rope_theta and the factor of rope_scaling must be positive");
    for (int64_t i = 0; i < half; i++)
        inverse[i] = (float)(1 / pow(theta, (double)i / (double)half));
    if (str_equal(kind, "linear"))
        for (int64_t i = 0; i < half; i++)
            inverse[i] = (float)(inverse[i] / factor);
    else if (str_equal(kind, "llama3"))
        stretch_long(s, half, inverse);
    else if (!str_equal(kind, "default") && !str_equal(kind, "mrope"))
        return error_set(err, ACCEL_UNSUPPORTED,
                         "rope_scaling of type '%s' is not supported; known are default, linear, llama3 and "
                         "mrope",
                         kind);
    return hf_config_check(c, err);
}

zoo_rotary zoo_rope_angles(builder *b, value_id positions, int64_t half, const float *inverse) {
    value_id places = zoo_unsqueeze(b, zoo_cast(b, positions, DTYPE_F32), -1);
    value_id angle = BUILD(b, "Mul", places, zoo_floats(b, 1, &half, inverse));
    return (zoo_rotary){BUILD(b, "Cos", angle), BUILD(b, "Sin", angle)};
}
