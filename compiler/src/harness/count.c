/* A QEMU TCG plugin that counts the guest instructions of each call of certain functions, with all that they call.
 *
 * Build:  cc -O2 -shared -fPIC -o count.so count.c
 * Use:    qemu-system-arm ... -plugin ./count.so,region=PREFIX,caller=NAME,out=FILE      (also qemu-aarch64)
 * Output: one line a call of a function whose name begins with PREFIX, in the order of the calls: `COUNT NAME`.
 *
 * A count goes from the first instruction of the function to its return to the function NAME, which makes all these calls.
 * Counts are exact and the same in every run.
 *
 * Debian ships QEMU's plugin interface but not its header, so the few functions that are used are declared here: version 1 of the
 * interface (QEMU 4.2 to 8.2), and those that took its place in version 2. Whichever is missing is null. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct block;
struct instruction;
struct info;
struct scoreboard;
struct counter {
    struct scoreboard *scoreboard;
    size_t offset;
};

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct block *));
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct block *);
extern struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
extern const char *qemu_plugin_insn_symbol(const struct instruction *);
extern uint64_t qemu_plugin_insn_vaddr(const struct instruction *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct instruction *, void (*)(unsigned, void *), int, void *);

#define WEAK extern __attribute__((weak))
WEAK void qemu_plugin_register_vcpu_insn_exec_inline(struct instruction *, int, void *, uint64_t);
WEAK void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct instruction *, int, struct counter, uint64_t);
WEAK struct scoreboard *qemu_plugin_scoreboard_new(size_t);
WEAK void *qemu_plugin_scoreboard_find(struct scoreboard *, unsigned);

enum { INLINE_ADD = 0, NO_REGISTERS = 0 };

/* A function to be counted; `entry` is the first address of it that was translated, which is where it is called. */
struct function {
    char *name;
    uint64_t entry;
    struct function *next;
};

struct call {
    const char *name;
    uint64_t count;
};

static const char *prefix = "", *caller = "", *path;
static struct function *functions;
static struct call *calls;
static size_t n_calls;
static bool is_open;
static uint64_t total;
static struct counter counter;

static uint64_t executed(void) {
    return counter.scoreboard ? *(uint64_t *)qemu_plugin_scoreboard_find(counter.scoreboard, 0) : total;
}

static void count(struct instruction *instruction) {
    if (counter.scoreboard) {
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(instruction, INLINE_ADD, counter, 1);
    } else {
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, INLINE_ADD, &total, 1);
    }
}

static void on_return(unsigned cpu, void *unused) {
    (void)cpu, (void)unused;
    if (is_open) {
        calls[n_calls - 1].count = executed() - calls[n_calls - 1].count;
        is_open = false;
    }
}

static void on_entry(unsigned cpu, void *name) {
    on_return(cpu, NULL);
    calls = realloc(calls, (n_calls + 1) * sizeof *calls);
    calls[n_calls++] = (struct call){name, executed()};
    is_open = true;
}

static struct function *find(const char *name, uint64_t address) {
    struct function *function = functions;
    while (function && strcmp(function->name, name) != 0) {
        function = function->next;
    }
    if (!function) {
        function = malloc(sizeof *function);
        *function = (struct function){strdup(name), address, functions};
        functions = function;
    }
    return function;
}

static bool begins_with(const char *name, const char *start) {
    return strncmp(name, start, strlen(start)) == 0;
}

/* Calls come before the count of the same instruction, so the first of a function is in its count and the one after it is not. */
static void on_translate(plugin_id id, struct block *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
        const char *name = qemu_plugin_insn_symbol(instruction);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        if (name && begins_with(name, prefix)) {
            struct function *function = find(name, address);
            if (function->entry == address) {
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_entry, NO_REGISTERS, function->name);
            }
        } else if (name && strcmp(name, caller) == 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_return, NO_REGISTERS, NULL);
        }
        count(instruction);
    }
}

static void on_exit_(plugin_id id, void *unused) {
    (void)id, (void)unused;
    on_return(0, NULL);
    FILE *out = path ? fopen(path, "w") : stderr;
    if (!out) {
        return;
    }
    for (size_t i = 0; i < n_calls; i++) {
        fprintf(out, "%" PRIu64 " %s\n", calls[i].count, calls[i].name);
    }
    fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* QEMU reads the version once the plugin is loaded: this runs before. */
__attribute__((constructor)) static void choose_version(void) {
    if (qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu) {
        qemu_plugin_version = 2;
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const struct info *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (begins_with(argv[i], "out=")) {
            path = strdup(argv[i] + strlen("out="));
        } else if (begins_with(argv[i], "region=")) {
            prefix = strdup(argv[i] + strlen("region="));
        } else if (begins_with(argv[i], "caller=")) {
            caller = strdup(argv[i] + strlen("caller="));
        }
    }
    if (qemu_plugin_version >= 2) {
        counter.scoreboard = qemu_plugin_scoreboard_new(sizeof(uint64_t));
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
    return 0;
}
