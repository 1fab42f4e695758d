/* graph_split_media on models of the zoo: the parts, one after the other, give what the whole gives. */
#include "support/test.h"

#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/split.h"
#include "zoo/zoo.h"

enum { MOST = 64 };

static accel_error err;

/* Tensors by name: the model's inputs, then what the parts gave. */
typedef struct named {
    const char *names[MOST];
    tensor tensors[MOST];
    size_t count;
} named;

static void add(named *n, const char *name, const tensor *t) {
    assert_true(n->count < MOST);
    n->names[n->count] = name;
    n->tensors[n->count++] = *t;
}

static const tensor *find(const named *n, const char *name) {
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->names[i], name) == 0)
            return &n->tensors[i];
    fail_msg("nothing is called '%s'", name);
    return NULL;
}

static evaluation *run(const graph *g, named *n) {
    tensor inputs[MOST];
    evaluation *e = NULL;
    assert_true(g->input_count <= MOST);
    for (size_t i = 0; i < g->input_count; i++)
        inputs[i] = *find(n, g->values[g->inputs[i]].name);
    assert_ok(graph_evaluate(g, inputs, g->input_count, NULL, &e, &err));
    for (size_t i = 0; i < g->output_count; i++) {
        tensor t;
        evaluation_output_tensor(e, i, &t);
        add(n, g->values[g->outputs[i]].name, &t);
    }
    return e;
}

static void check_model(const char *name) {
    const zoo_input_options small = {.sequence = 12};
    zoo_model m;
    zoo_inputs in;
    graph *folded, *tower, *rest;
    named whole = {.count = 0}, parts = {.count = 0};
    assert_ok(zoo_load(name, NULL, &m, &err));
    assert_ok(zoo_make_inputs(&m, &small, &in, &err));
    assert_ok(zoo_bind(&m, &in, &err));
    assert_ok(graph_clone(m.graph, &folded, &err));
    assert_ok(graph_infer(folded, &err));
    assert_ok(graph_fold_found(folded, &err));
    assert_ok(graph_split_media(folded, &tower, &rest, &err));
    assert_true(tower->node_count > 0 && rest->node_count > 0 && rest->input_count > 0);
    for (size_t i = 0; i < in.count; i++) {
        add(&whole, in.names[i], &in.tensors[i]);
        add(&parts, in.names[i], &in.tensors[i]);
    }
    evaluation *all = run(m.graph, &whole), *first = run(tower, &parts), *second = run(rest, &parts);
    for (size_t i = 0; i < m.graph->output_count; i++) {
        const char *output = m.graph->values[m.graph->outputs[i]].name;
        tensor_distance d;
        assert_ok(tensor_compare(find(&parts, output), find(&whole, output), &d, &err));
        assert_true(d.relative_l2 <= 1e-7);
    }
    evaluation_destroy(all);
    evaluation_destroy(first);
    evaluation_destroy(second);
    graph_destroy(tower);
    graph_destroy(rest);
    graph_destroy(folded);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

static void parts_give_what_the_whole_gives(void **state) {
    static const char *const models[] = {"clip-tiny", "llava-tiny", "whisper-tiny-random", "clap-tiny"};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check_model(models[i]);
}

static void a_model_of_text_has_one_component(void **state) {
    zoo_model m;
    zoo_inputs in;
    graph *tower, *rest;
    (void)state;
    assert_ok(zoo_load("bert-tiny", NULL, &m, &err));
    assert_ok(zoo_make_inputs(&m, NULL, &in, &err));
    assert_ok(zoo_bind(&m, &in, &err));
    assert_int_equal(graph_split_media(m.graph, &tower, &rest, &err), ACCEL_UNSUPPORTED);
    assert_says("the model has one component");
    assert_null(tower);
    zoo_inputs_free(&in);
    zoo_model_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_give_what_the_whole_gives),
                                       cmocka_unit_test(a_model_of_text_has_one_component)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
