/* The schema as DDL and as a document. */
#include "store/schema.h"

void schema_write_table(const schema_table *t, str_buf *out) {
    str_appendf(out, "CREATE TABLE %s (\n", t->name);
    for (size_t i = 0; i < t->column_count; i++) {
        str_appendf(out, "  %s %s%s\n", t->columns[i].name, t->columns[i].type,
                    i + 1 < t->column_count ? "," : "");
    }
    str_append(out, ");\n");
}

void schema_write_views(int version, str_buf *out) {
    for (size_t i = 0; i < schema_view_count; i++)
        if (schema_views[i].since > version)
            str_appendf(out, "CREATE VIEW %s AS %s;\n", schema_views[i].name, schema_views[i].sql);
}

void schema_write_ddl(int version, str_buf *out) {
    for (size_t i = 0; i < schema_table_count; i++) {
        if (schema_tables[i].since <= version)
            continue;
        if (schema_tables[i].sequence != NULL)
            str_appendf(out, "CREATE SEQUENCE %s;\n", schema_tables[i].sequence);
        schema_write_table(&schema_tables[i], out);
    }
    schema_write_views(version, out);
}

void schema_write_markdown(str_buf *out) {
    for (size_t i = 0; i < schema_table_count; i++) {
        const schema_table *t = &schema_tables[i];
        str_appendf(out, "### %s\n\n%s.\n\n| column | type | meaning |\n|---|---|---|\n", t->name, t->text);
        for (size_t c = 0; c < t->column_count; c++) {
            str_appendf(out, "| %s | %s | %s |\n", t->columns[c].name, t->columns[c].type,
                        t->columns[c].text);
        }
        str_append(out, "\n");
    }
    for (size_t i = 0; i < schema_view_count; i++)
        str_appendf(out, "### %s (view)\n\n%s.\n\n", schema_views[i].name, schema_views[i].text);
}
