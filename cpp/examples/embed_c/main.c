/* The article's walker inside a C program: check it, act, and say how long an action takes. */
#include <stdio.h>
#include <time.h>

#include "walker.h" /* made by `make`, from the policy that eigenwell brings */

int main(void) {
    enum { CALLS = 1000000 };
    static walker_policy policy;
    float observation[WALKER_INPUTS] = {0.0f};
    float action[WALKER_NEURONS] = {0.0f};

    walker_init(&policy);
    const int failed = walker_self_test(&policy);
    if (failed != 0) {
        fprintf(stderr, "self-test: vector %d disagrees\n", failed);
        return 1;
    }
    puts("self-test passed");

    const clock_t start = clock();
    for (int call = 0; call < CALLS; ++call) {
        observation[0] = 1e-3f * action[0]; /* the next call waits for this one */
        if (walker_act(&policy, observation, action) != WALKER_OK) {
            return 1;
        }
    }
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("%d observations, %d actions, %zu bytes of weights, %.1f ns per action\n", WALKER_INPUTS,
           WALKER_NEURONS, sizeof policy, seconds * 1e9 / CALLS);
    return 0;
}
