/* Einsum written as products: the same numbers, and what is no product left alone. */
#include "graph/same_numbers.h"

typedef struct equation {
    const char *text;
    int rank_a, rank_b; /* b: 0 for a scalar, -1 for none */
    int64_t a[5], b[5];
    int transposes, reshapes; /* of the result, before what changes nothing is dropped */
} equation;

static graph *einsum(const char *text, int rank_a, const int64_t *a, int rank_b, const int64_t *b,
                     dtype type) {
    builder build = start();
    value_id in[2] = {build_input(&build, "a", type, rank_a, a, NULL), VALUE_NONE};
    if (rank_b >= 0) {
        in[1] = build_input(&build, "b", type, rank_b, b, NULL);
    }
    return finish(&build,
                  build_op(&build, "Einsum", rank_b >= 0 ? 2 : 1, in, 1, &BUILD_STRING("equation", text)));
}

static const equation products[] = {
    {"ij,jk->ik", 2, 2, {3, 4}, {4, 5}, 0, 0},
    {"ij,jk", 2, 2, {3, 4}, {4, 5}, 0, 0},
    {"ij,kj->ik", 2, 2, {3, 4}, {5, 4}, 1, 0},
    {"ij,jk->ki", 2, 2, {3, 4}, {4, 5}, 2, 0}, /* b is the left side */
    {"bij,bjk->bik", 3, 3, {2, 3, 4}, {2, 4, 5}, 0, 0},
    {"bihd,bjhd->bhij", 4, 4, {2, 3, 4, 5}, {2, 6, 4, 5}, 2, 0},
    {"bhij,bjhd->bihd", 4, 4, {2, 4, 3, 6}, {2, 6, 4, 5}, 2, 0},
    {"btd,dhk->bthk", 3, 3, {2, 3, 4}, {4, 5, 6}, 0, 3},
    {"bthk,hkd->btd", 4, 3, {2, 3, 4, 5}, {4, 5, 6}, 0, 3},
    {"bid,bd->bi", 3, 2, {2, 3, 4}, {2, 4}, 0, 2},
    {"i,i->", 1, 1, {7}, {7}, 0, 3},
    {"i,j->ij", 1, 1, {3}, {4}, 0, 2},
    {"ij,ij->ij", 2, 2, {3, 4}, {3, 4}, 0, 3},
    {"ij,->ij", 2, 0, {3, 4}, {0}, 0, 3},
    {"ij,kl->ik", 2, 2, {3, 4}, {5, 6}, 0, 2},
    {"ijk,jil->kl", 3, 3, {2, 3, 4}, {3, 2, 5}, 2, 2},
    {"...ij,...jk->...ik", 4, 4, {2, 3, 4, 5}, {2, 3, 5, 6}, 0, 0},
    {"...ij,jk->...ik", 4, 2, {2, 3, 4, 5}, {5, 6}, 0, 2},
    {"abc,cd->dab", 3, 2, {2, 3, 4}, {4, 5}, 2, 2},
    {" a b , b c -> a c ", 2, 2, {3, 4}, {4, 5}, 0, 0},
    {"ij->ji", 2, -1, {3, 4}, {0}, 1, 0},
    {"ij->", 2, -1, {3, 4}, {0}, 0, 0},
    {"bij->jb", 3, -1, {2, 3, 4}, {0}, 1, 0},
    {"ij->ij", 2, -1, {3, 4}, {0}, 0, 0},
};

static void products_are_written_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        const equation *q = &products[i];
        print_message("%s\n", q->text);
        graph *g = after(einsum(q->text, q->rank_a, q->a, q->rank_b, q->b, DTYPE_F32), pass_expand_einsum);
        assert_int_equal(count_nodes(g, "Einsum"), 0);
        assert_int_equal(count_nodes(g, "Transpose"), q->transposes);
        assert_int_equal(count_nodes(g, "Reshape"), q->reshapes);
        graph_destroy(g);
    }
}

static void what_is_no_product_stays(void **state) {
    (void)state;
    static const equation others[] = {
        {"ii->i", 2, -1, {3, 3}, {0}, 0, 0},                  /* a diagonal */
        {"ij,jj->ij", 2, 2, {3, 4}, {4, 4}, 0, 0},            /* another */
        {"ij,jk->ik", 2, 2, {3, 1}, {4, 5}, 0, 0},            /* a letter that is broadcast */
        {"ij,jk->ik", 2, 2, {3, 0}, {0, 5}, 0, 0},            /* nothing to sum */
        {"...i,...i->...", 3, 3, {2, 1, 4}, {2, 3, 4}, 0, 0}, /* dims under the ellipsis that are broadcast */
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const equation *q = &others[i];
        graph *g = after(einsum(q->text, q->rank_a, q->a, q->rank_b, q->b, DTYPE_F32), pass_expand_einsum);
        assert_int_equal(count_nodes(g, "Einsum"), 1);
        graph_destroy(g);
    }
    const equation *q = &products[0];
    graph *g = after(einsum(q->text, 2, q->a, 2, q->b, DTYPE_I32), pass_expand_einsum);
    assert_int_equal(count_nodes(g, "Einsum"), 1);
    graph_destroy(g);
}

static void unknown_shapes_are_left(void **state) {
    (void)state;
    accel_error err = {0};
    graph *g = einsum("ij,jk->ik", 2, (int64_t[]){DIM_UNKNOWN, 4}, 2, (int64_t[]){4, 5}, DTYPE_F32);
    assert_ok(graph_infer(g, &err));
    assert_ok(pass_expand_einsum(g, &err));
    assert_int_equal(count_nodes(g, "Einsum"), 1);
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_written_out),
        cmocka_unit_test(what_is_no_product_stays),
        cmocka_unit_test(unknown_shapes_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
