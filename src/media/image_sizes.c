/* The rules by which image processors choose sizes. Source: transformers 5.24, image_transforms.py,
 * image_processing_utils.py and models/qwen2_vl. */
#include "media/image_internal.h"

#include <math.h>

extent size_of_shortest_edge(extent image, int64_t edge) {
    bool upright = image.width <= image.height;
    int64_t shorter = upright ? image.width : image.height, longer = upright ? image.height : image.width;
    int64_t scaled = (int64_t)((double)(edge * longer) / (double)shorter);
    return upright ? (extent){scaled, edge} : (extent){edge, scaled};
}

extent size_with_aspect_ratio(extent image, int64_t shortest, int64_t longest) {
    double height = (double)image.height, width = (double)image.width;
    double least = fmin(height, width), most = fmax(height, width), exact = (double)shortest;
    int64_t edge = shortest;
    if (most / least * (double)shortest > (double)longest) {
        exact = (double)longest * least / most;
        edge = (int64_t)rint(exact);
    }
    if ((image.height <= image.width && image.height == edge) ||
        (image.width <= image.height && image.width == edge))
        return image;
    if (image.width < image.height)
        return (extent){(int64_t)(exact * height / width), edge};
    return (extent){edge, (int64_t)(exact * width / height)};
}

extent size_for_rule(extent image, const media_size *size) {
    if (size->shortest_edge && size->longest_edge)
        return size_with_aspect_ratio(image, size->shortest_edge, size->longest_edge);
    if (size->shortest_edge)
        return size_of_shortest_edge(image, size->shortest_edge);
    return (extent){size->height, size->width};
}

static int64_t multiple(double value, int64_t factor) {
    return (int64_t)value * factor;
}

accel_status size_in_multiples(extent image, int64_t factor, int64_t least, int64_t most, extent *out,
                               accel_error *err) {
    double height = (double)image.height, width = (double)image.width, f = (double)factor;
    if (fmax(height, width) / fmin(height, width) > 200)
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "%lld x %lld pixels (height x width): the model takes no picture that is more than 200 times "
            "as long as wide",
            (long long)image.height, (long long)image.width);
    extent e = {multiple(rint(height / f), factor), multiple(rint(width / f), factor)};
    if (e.height * e.width > most) {
        double beta = sqrt(height * width / (double)most);
        e = (extent){multiple(fmax(1, floor(height / beta / f)), factor),
                     multiple(fmax(1, floor(width / beta / f)), factor)};
    } else if (e.height * e.width < least) {
        double beta = sqrt((double)least / (height * width));
        e = (extent){multiple(ceil(height * beta / f), factor), multiple(ceil(width * beta / f), factor)};
    }
    *out = e;
    return ACCEL_OK;
}

extent best_pinpoint(const media_image_processing *p, extent image) {
    extent best = {0};
    int64_t kept = 0, waste = INT64_MAX, area = image.height * image.width;
    for (size_t i = 0; i < p->pinpoint_count; i++) {
        extent e = {p->pinpoints[i].height, p->pinpoints[i].width};
        double scale = fmin((double)e.width / (double)image.width, (double)e.height / (double)image.height);
        int64_t scaled = (int64_t)((double)image.width * scale) * (int64_t)((double)image.height * scale);
        int64_t effective = scaled < area ? scaled : area, wasted = e.height * e.width - effective;
        if (effective > kept || (effective == kept && wasted < waste)) {
            kept = effective;
            waste = wasted;
            best = e;
        }
    }
    return best;
}

extent size_within(extent image, extent target) {
    double scale_w = (double)target.width / (double)image.width;
    double scale_h = (double)target.height / (double)image.height;
    if (scale_w < scale_h) {
        int64_t height = (int64_t)ceil((double)image.height * scale_w);
        return (extent){height < target.height ? height : target.height, target.width};
    }
    int64_t width = (int64_t)ceil((double)image.width * scale_h);
    return (extent){target.height, width < target.width ? width : target.width};
}
