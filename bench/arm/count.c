/* A QEMU TCG plugin that counts the guest instructions executed in every function of the image.
 *
 * Build:  cc -O2 -shared -fPIC -o count.so count.c
 * Use:    qemu-system-arm ... -plugin ./count.so,out=FILE      (also qemu-aarch64)
 * Output: one line a function, `COUNT NAME`, most executed first, and last `COUNT total`.
 *
 * Debian ships QEMU's plugin interface but not its header, so the few functions that are used are declared here
 * (interface version 1, QEMU 4.2 and later). Counts are exact and the same in every run. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct block;
struct instruction;
struct info;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct block *));
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct block *);
extern struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
extern const char *qemu_plugin_insn_symbol(const struct instruction *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct instruction *, int, void *, uint64_t);

enum { INLINE_ADD = 0, BUCKETS = 1024 };

struct function {
    const char *name;
    uint64_t count;
    struct function *next;
};

static struct function *buckets[BUCKETS];
static size_t functions;
static const char *path;

static struct function *find(const char *name) {
    size_t hash = 0;
    for (const char *c = name; *c; c++) {
        hash = hash * 31 + (unsigned char)*c;
    }
    struct function **slot = &buckets[hash % BUCKETS];
    for (; *slot; slot = &(*slot)->next) {
        if (strcmp((*slot)->name, name) == 0) {
            return *slot;
        }
    }
    *slot = calloc(1, sizeof **slot);
    (*slot)->name = strdup(name);
    functions++;
    return *slot;
}

static void on_translate(plugin_id id, struct block *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
        const char *symbol = qemu_plugin_insn_symbol(instruction);
        struct function *function = find(symbol && *symbol ? symbol : "(no symbol)");
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, INLINE_ADD, &function->count, 1);
    }
}

static int by_count(const void *a, const void *b) {
    const struct function *x = *(struct function *const *)a, *y = *(struct function *const *)b;
    if (x->count != y->count) {
        return x->count < y->count ? 1 : -1;
    }
    return strcmp(x->name, y->name);
}

static void on_exit_(plugin_id id, void *unused) {
    (void)id, (void)unused;
    struct function **all = malloc(functions * sizeof *all);
    size_t n = 0;
    uint64_t total = 0;
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        for (struct function *function = buckets[bucket]; function; function = function->next) {
            all[n++] = function;
            total += function->count;
        }
    }
    qsort(all, n, sizeof *all, by_count);
    FILE *out = path ? fopen(path, "w") : stderr;
    if (!out) {
        return;
    }
    for (size_t i = 0; i < n && all[i]->count; i++) {
        fprintf(out, "%" PRIu64 " %s\n", all[i]->count, all[i]->name);
    }
    fprintf(out, "%" PRIu64 " total\n", total);
    fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const struct info *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            path = strdup(argv[i] + 4);
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
    return 0;
}
