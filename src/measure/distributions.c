/* The few distributions that intervals and tests need. */
#include <math.h>

#include "measure/stats.h"

/* ln Gamma(x) for x > 0 by Lanczos' series (g = 7, n = 9): about 15 digits. Our own because the wasm build has no libm. */
static double log_gamma(double x) {
    static const double c[9] = {0.99999999999980993,  676.5203681218851,     -1259.1392167224028,
                                771.32342877765313,   -176.61502916214059,   12.507343278686905,
                                -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
    const double half_log_two_pi = 0.91893853320467274178;
    if (x < 0.5)
        return log(3.14159265358979323846 / sin(3.14159265358979323846 * x)) - log_gamma(1.0 - x);
    x -= 1.0;
    double sum = c[0], t = x + 7.5;
    for (int i = 1; i < 9; i++)
        sum += c[i] / (x + i);
    return half_log_two_pi + (x + 0.5) * log(t) - t + log(sum);
}

static double away_from_zero(double value) {
    return fabs(value) < 1e-300 ? 1e-300 : value;
}

/* Continued fraction of the incomplete beta function by Lentz' method (Press et al., Numerical Recipes, 6.4). It needs
 * about sqrt(max(a, b)) steps. */
static double beta_fraction(double x, double a, double b) {
    enum { MOST_STEPS = 100000 };
    double c = 1.0, d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)), h = d;
    for (int m = 1; m < MOST_STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1.0) < 1e-14)
            break;
    }
    return h;
}

double stats_incomplete_beta(double x, double a, double b) {
    if (!(x > 0.0))
        return 0.0;
    if (x >= 1.0)
        return 1.0;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(1.0 - x));
    if (x < (a + 1.0) / (a + b + 2.0))
        return front * beta_fraction(x, a, b) / a;
    return 1.0 - front * beta_fraction(1.0 - x, b, a) / b;
}

double stats_student_cdf(double t, double degrees) {
    double tail = 0.5 * stats_incomplete_beta(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
    return t > 0.0 ? 1.0 - tail : tail;
}

static double student_density(double t, double degrees) {
    const double pi = 3.14159265358979323846;
    return exp(log_gamma(0.5 * (degrees + 1.0)) - log_gamma(0.5 * degrees) -
               0.5 * (degrees + 1.0) * log(1.0 + t * t / degrees)) /
           sqrt(degrees * pi);
}

/* Newton's steps, halving where one leaves the bracket. */
double stats_student_quantile(double probability, double degrees) {
    if (!(degrees > 0.0) || !(probability > 0.0) || !(probability < 1.0))
        return NAN;
    double low = -1.0, high = 1.0;
    while (stats_student_cdf(low, degrees) > probability && low > -1e15)
        low *= 2.0;
    while (stats_student_cdf(high, degrees) < probability && high < 1e15)
        high *= 2.0;
    double t = 0.5 * (low + high);
    for (int i = 0; i < 200 && high - low > 1e-13 * (1.0 + fabs(low)); i++) {
        double above = stats_student_cdf(t, degrees) - probability;
        if (above < 0.0)
            low = t;
        else
            high = t;
        double next = t - above / student_density(t, degrees);
        if (!(next >= low && next <= high))
            next = 0.5 * (low + high);
        if (fabs(next - t) <= 1e-14 * (1.0 + fabs(t)))
            return next;
        t = next;
    }
    return t;
}
