/* preprocessor_config.json of image processors. */
#include "media/image_internal.h"

#include <math.h>

#include "base/file.h"
#include "base/mem.h"
#include "media/fields.h"

enum {
    MAX_EDGE = 1 << 16, /* of anything that a file asks for */
    MAX_PATCH = 256
};

/* ---- sizes -------------------------------------------------------------------------------------------- */

static int64_t edge_of(media_fields *f, const char *key, yyjson_val *object, const char *member,
                       int64_t most) {
    yyjson_val *v = yyjson_obj_get(object, member);
    return v && !yyjson_is_null(v) ? media_field_whole(f, key, v, 1, most) : 0;
}

static bool known_size_key(const char *key, bool pixels) {
    static const char *const names[] = {"height",       "width",      "shortest_edge",
                                        "longest_edge", "min_pixels", "max_pixels"};
    for (size_t i = 0; i < (pixels ? 6u : 4u); i++)
        if (str_equal(names[i], key))
            return true;
    return false;
}

static void check_size_keys(media_fields *f, const char *key, yyjson_val *object, bool pixels) {
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it));) {
        if (yyjson_is_null(yyjson_obj_iter_get_val(name)) || known_size_key(json_text(name), pixels))
            continue;
        char text[112];
        str_format(text, sizeof text, "has a member '%.60s', which is not supported", yyjson_get_str(name));
        media_field_fault(f, ACCEL_UNSUPPORTED, key, text);
    }
}

static media_size size_of_object(media_fields *f, const char *key, yyjson_val *object, bool pixels) {
    int64_t most = pixels ? MEDIA_MAX_PIXELS : MAX_EDGE;
    check_size_keys(f, key, object, pixels);
    media_size s = {edge_of(f, key, object, "height", most), edge_of(f, key, object, "width", most),
                    edge_of(f, key, object, "shortest_edge", most),
                    edge_of(f, key, object, "longest_edge", most)};
    if (pixels && !s.shortest_edge)
        s.shortest_edge = edge_of(f, key, object, "min_pixels", most);
    if (pixels && !s.longest_edge)
        s.longest_edge = edge_of(f, key, object, "max_pixels", most);
    return s;
}

/* An int (a square, or the shorter edge), [height, width], or an object. */
static media_size read_size(media_fields *f, const char *key, const image_kind *kind, bool square,
                            media_size fallback) {
    yyjson_val *v = media_field(f, key);
    if (!v)
        return fallback;
    if (yyjson_is_obj(v))
        return size_of_object(f, key, v, kind->size_in_pixels);
    if (yyjson_is_arr(v) && yyjson_arr_size(v) == 2)
        return (media_size){.height = media_field_whole(f, key, yyjson_arr_get(v, 0), 1, MAX_EDGE),
                            .width = media_field_whole(f, key, yyjson_arr_get(v, 1), 1, MAX_EDGE)};
    if (!yyjson_is_num(v)) {
        media_field_fault(f, ACCEL_BAD_FILE, key, "is neither a number nor an object of edges");
        return fallback;
    }
    int64_t edge = media_field_whole(f, key, v, 1, MAX_EDGE);
    return square ? (media_size){.height = edge, .width = edge} : (media_size){.shortest_edge = edge};
}

static void read_main_size(media_fields *f, const image_kind *kind, media_image_processing *p) {
    p->size = read_size(f, "size", kind, kind->square_size, p->size);
    if (kind->size_in_pixels) {
        const media_size *usual = &kind->defaults.size;
        p->size.shortest_edge = media_field_int(
            f, "min_pixels", p->size.shortest_edge ? p->size.shortest_edge : usual->shortest_edge, 1,
            MEDIA_MAX_PIXELS);
        p->size.longest_edge = media_field_int(
            f, "max_pixels", p->size.longest_edge ? p->size.longest_edge : usual->longest_edge, 1,
            MEDIA_MAX_PIXELS);
    } else if (p->kind == MEDIA_DETR && yyjson_is_num(media_field(f, "size"))) {
        p->size.longest_edge = media_field_int(f, "max_size", kind->defaults.size.longest_edge, 1, MAX_EDGE);
    }
}

/* ---- the other fields --------------------------------------------------------------------------------- */

static void read_channels(media_fields *f, const char *key, double out[3]) {
    yyjson_val *v = media_field(f, key);
    if (!v)
        return;
    bool list = yyjson_is_arr(v) && yyjson_arr_size(v) == 3;
    for (size_t c = 0; c < 3; c++) {
        yyjson_val *item = list ? yyjson_arr_get(v, c) : v;
        if (!yyjson_is_num(item) || !isfinite(yyjson_get_num(item)))
            media_field_fault(f, ACCEL_BAD_FILE, key, "is neither a number nor three of them");
        out[c] = yyjson_get_num(item);
    }
}

static void read_pinpoints(media_fields *f, media_image_processing *p) {
    static const char key[] = "image_grid_pinpoints";
    yyjson_val *v = media_field(f, key), *item;
    if (!v || p->pinpoint_count == 0)
        return;
    p->pinpoint_count = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    while ((item = yyjson_arr_iter_next(&it))) {
        if (yyjson_arr_size(item) != 2 || p->pinpoint_count == MEDIA_MAX_PINPOINTS) {
            media_field_fault(f, ACCEL_BAD_FILE, key, "is not a list of at most 64 pairs");
            return;
        }
        p->pinpoints[p->pinpoint_count++] =
            (struct media_pinpoint){media_field_whole(f, key, yyjson_arr_get(item, 0), 1, MAX_EDGE),
                                    media_field_whole(f, key, yyjson_arr_get(item, 1), 1, MAX_EDGE)};
    }
    if (p->pinpoint_count == 0)
        media_field_fault(f, ACCEL_BAD_FILE, key, "holds no pairs");
}

static void read_switches(media_fields *f, const image_kind *kind, media_image_processing *p) {
    p->do_resize = media_field_bool(f, "do_resize", p->do_resize);
    p->do_rescale = media_field_bool(f, "do_rescale", p->do_rescale);
    p->do_normalize = media_field_bool(f, "do_normalize", p->do_normalize);
    p->do_center_crop = kind->crops && media_field_bool(f, "do_center_crop", p->do_center_crop);
    bool pads = media_field_bool(f, "pad_and_return_pixel_mask", p->do_pad); /* DETR's old name */
    p->do_pad = kind->pads && media_field_bool(f, "do_pad", p->kind == MEDIA_DETR ? pads : p->do_pad);
}

static void read_numbers(media_fields *f, media_image_processing *p) {
    p->resample = (media_filter)media_field_int(f, "resample", p->resample, 0, MEDIA_FILTER_COUNT - 1);
    p->rescale_factor = media_field_real(f, "rescale_factor", p->rescale_factor);
    p->crop_pct = media_field_real(f, "crop_pct", p->crop_pct);
    read_channels(f, "image_mean", p->mean);
    read_channels(f, "image_std", p->std);
    p->patch_size = media_field_int(f, "patch_size", p->patch_size, 1, MAX_PATCH);
    p->temporal_patch_size = media_field_int(f, "temporal_patch_size", p->temporal_patch_size, 1, MAX_PATCH);
    p->merge_size = media_field_int(f, "merge_size", p->merge_size, 1, MAX_PATCH);
}

static void read_all(media_fields *f, const image_kind *kind, media_image_processing *p) {
    media_size crop = {.height = p->crop_height, .width = p->crop_width}, pad = {0};
    read_switches(f, kind, p);
    read_main_size(f, kind, p);
    crop = read_size(f, "crop_size", kind, true, crop);
    pad = read_size(f, "pad_size", kind, true, pad);
    p->crop_height = crop.height;
    p->crop_width = crop.width;
    p->pad_height = pad.height;
    p->pad_width = pad.width;
    read_numbers(f, p);
    read_pinpoints(f, p);
}

/* ---- what must hold ----------------------------------------------------------------------------------- */

static bool size_is_complete(const media_image_processing *p, const image_kind *kind) {
    const media_size *s = &p->size;
    if (kind->size_in_pixels || p->kind == MEDIA_RESNET)
        return s->shortest_edge > 0;
    if (p->kind == MEDIA_DETR && s->shortest_edge)
        return s->longest_edge > 0;
    return s->shortest_edge > 0 || (s->height > 0 && s->width > 0);
}

static void check_values(media_fields *f, const image_kind *kind, const media_image_processing *p) {
    if (p->do_resize && !size_is_complete(p, kind))
        media_field_fault(f, ACCEL_BAD_FILE, "size", "lacks the edges that this processor needs");
    if (p->do_center_crop && !(p->crop_height && p->crop_width))
        media_field_fault(f, ACCEL_BAD_FILE, "crop_size",
                          "lacks height and width, which do_center_crop needs");
    if ((p->pad_height > 0) != (p->pad_width > 0))
        media_field_fault(f, ACCEL_BAD_FILE, "pad_size", "lacks its height or width");
    if (p->kind == MEDIA_RESNET && !(p->crop_pct >= 0.01 && p->crop_pct <= 1))
        media_field_fault(f, ACCEL_BAD_FILE, "crop_pct", "is not between 0.01 and 1");
    for (int c = 0; c < 3; c++)
        if (p->do_normalize && (float)p->std[c] == 0)
            media_field_fault(f, ACCEL_BAD_FILE, "image_std", "has a 0, by which nothing can be divided");
    if (p->pinpoint_count && !p->crop_height && !p->size.height && !p->size.shortest_edge)
        media_field_fault(f, ACCEL_BAD_FILE, "size", "is missing, and with it the size of a tile");
}

/* Fields of transformers' processors that change the numbers and that nothing here does. */
static void check_unsupported(media_fields *f) {
    static const char *const switches[] = {"do_flip_channel_order", "do_thumbnail",
                                           "do_align_long_axis",    "do_random_crop",
                                           "do_affine_transform",   "do_grayscale"};
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        if (media_field_bool(f, switches[i], false))
            media_field_fault(f, ACCEL_UNSUPPORTED, switches[i], "asks for a step that is not supported");
    yyjson_val *format = media_field(f, "data_format");
    if (format && !str_equal(json_text(format), "channels_first"))
        media_field_fault(f, ACCEL_UNSUPPORTED, "data_format", "is not channels_first");
    if (!str_equal(media_field_text(f, "aspect_ratio_setting", "anyres"), "anyres"))
        media_field_fault(f, ACCEL_UNSUPPORTED, "aspect_ratio_setting", "is not anyres");
}

/* ---- the public functions ----------------------------------------------------------------------------- */

accel_status media_image_processing_default(const char *family, media_image_processing *out,
                                            accel_error *err) {
    const image_kind *kind = image_kind_by_family(family);
    if (!kind)
        return error_set(err, ACCEL_NOT_FOUND, "the model family '%s' takes no pictures that are known here",
                         family);
    *out = kind->defaults;
    return ACCEL_OK;
}

static const image_kind *kind_of_file(media_fields *f, const char *family, accel_error *err) {
    char type[128];
    const image_kind *own = family ? image_kind_by_family(family) : NULL, *kind;
    media_fields_type(f, type, sizeof type);
    kind = type[0] ? image_kind_by_type(type) : own;
    if (kind) /* a family without a class of its own has defaults of its own */
        return own && !own->type && own->process == kind->process ? own : kind;
    if (type[0])
        error_set(err, ACCEL_UNSUPPORTED, "%s: its image processor '%s' is not supported", f->file, type);
    else
        error_set(err, ACCEL_UNSUPPORTED,
                  "%s: it names no image processor, and none is known for the model family '%s'", f->file,
                  family ? family : "");
    return NULL;
}

accel_status media_image_processing_parse(const char *json, size_t length, const char *name,
                                          const char *family, media_image_processing *out, accel_error *err) {
    yyjson_doc *doc;
    media_fields f;
    ACCEL_TRY(media_fields_parse(json, length, name, "image_processor", &doc, &f, err));
    const image_kind *kind = kind_of_file(&f, family, err);
    if (!kind) {
        yyjson_doc_free(doc);
        return ACCEL_UNSUPPORTED;
    }
    *out = kind->defaults;
    read_all(&f, kind, out);
    check_unsupported(&f);
    check_values(&f, kind, out);
    yyjson_doc_free(doc);
    return f.fault.status == ACCEL_OK ? ACCEL_OK : error_set(err, f.fault.status, "%s", f.fault.message);
}

accel_status media_image_processing_read(const char *path, const char *family, media_image_processing *out,
                                         accel_error *err) {
    char *json;
    size_t length;
    ACCEL_TRY(file_read(path, MEDIA_CONFIG_MAX_BYTES, &json, &length, err));
    accel_status status = media_image_processing_parse(json, length, path, family, out, err);
    mem_free(json);
    return status;
}
