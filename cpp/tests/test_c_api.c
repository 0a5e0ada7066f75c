/* The C ABI from C99: the bundled walker, from its file to an action. */
#include <stdio.h>
#include <stdlib.h>

#include "eigenwell/eigenwell.h"

static int fail(const char* what) {
    fprintf(stderr, "failed: %s\n", what);
    return 1;
}

int main(int argc, char** argv) {
    static unsigned char data[4096];
    float observation[24] = {0};
    float action[4] = {9, 9, 9, 9};
    float error = 1.0F;
    eigenwell_policy* policy = NULL;
    FILE* file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    size_t size;
    size_t needed;
    void* storage;
    if (file == NULL) {
        return fail("open the file that the argument names");
    }
    size = fread(data, 1, sizeof data, file);
    fclose(file);
    needed = eigenwell_policy_storage(data, size);
    storage = malloc(needed);
    if (needed == 0 || storage == NULL ||
        eigenwell_policy_init(storage, needed, data, size, &policy) != EIGENWELL_OK) {
        return fail("init");
    }
    if (eigenwell_policy_inputs(policy) != 24 || eigenwell_policy_outputs(policy) != 4) {
        return fail("24 inputs, 4 outputs");
    }
    if (eigenwell_policy_self_test(policy, &error) != EIGENWELL_OK || !(error < 1e-5F)) {
        return fail("self-test");
    }
    /* At the origin an action is the largest bias plus the smallest: 0.167 - 0.110. */
    if (eigenwell_policy_act(policy, observation, action) != EIGENWELL_OK ||
        !(action[0] > 0.0569F && action[0] < 0.0571F)) {
        return fail("act");
    }
    free(storage);
    printf("1 passed, 0 failed\n");
    return 0;
}
