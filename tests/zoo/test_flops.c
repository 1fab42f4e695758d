/* FLOPs of the cost model against counts by hand: products only, two a multiply-add. */
#include "support/test.h"

#include "graph/cost.h"
#include "zoo/zoo.h"

/* One transformer layer over `tokens`: `projections` of width², `wides` products of width x wide, scores and their use. */
static double layer(double tokens, double width, double wide, double projections, double wides) {
    return 2 * tokens * (projections * width * width + wides * width * wide) + 4 * tokens * tokens * width;
}

static void check(const char *name, int64_t sequence, double by_hand) {
    accel_error err = {0};
    zoo_model m;
    zoo_inputs inputs;
    graph_cost cost;
    zoo_input_options options = {.batch = 1, .sequence = sequence};
    assert_ok(zoo_load(name, NULL, &m, &err));
    assert_ok(zoo_make_inputs(&m, &options, &inputs, &err));
    assert_ok(zoo_bind(&m, &inputs, &err));
    assert_ok(graph_cost_compute(m.graph, &cost, &err));
    if (!(cost.flops > 0.99 * by_hand && cost.flops < 1.01 * by_hand))
        fail_msg("%s: %.6g FLOPs, %.6g by hand", name, cost.flops, by_hand);
    zoo_inputs_free(&inputs);
    zoo_model_free(&m);
}

static void bert_is_counted_as_by_hand(void **state) {
    (void)state;
    check("bert-base", 512, 12 * layer(512, 768, 3072, 4, 2) + 2.0 * 768 * 768);
}

static void vit_is_counted_as_by_hand(void **state) {
    (void)state;
    double patches = 2.0 * 196 * 768 * 3 * 16 * 16, classifier = 2.0 * 768 * 1000;
    check("vit-base-patch16-224", 0, patches + 12 * layer(197, 768, 3072, 4, 2) + classifier);
}

static void llama_is_counted_as_by_hand(void **state) {
    (void)state;
    check("llama-7b", 128, 32 * layer(128, 4096, 11008, 4, 3) + 2.0 * 128 * 4096 * 32000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bert_is_counted_as_by_hand),
        cmocka_unit_test(vit_is_counted_as_by_hand),
        cmocka_unit_test(llama_is_counted_as_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
