/* eigenwell from C (and from anything that calls C): run a packed policy in nanoseconds.
 *
 *   size_t size = eigenwell_policy_storage(data, data_size);       // 0: not a valid policy
 *   eigenwell_policy* policy;
 *   eigenwell_policy_init(storage, size, data, data_size, &policy);
 *   eigenwell_policy_act(policy, observation, action);             // 0: all is well
 *
 * Nothing here allocates, throws, locks or prints. A policy may be used by any number of threads.
 * Link the static library `eigenwell::eigenwell` of the CMake package, which picks the fastest
 * kernels for the processor at run time. For a microcontroller, or for a program that wants no
 * library at all, use `eigenwell export --to c` instead.
 */
#ifndef EIGENWELL_EIGENWELL_H
#define EIGENWELL_EIGENWELL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call answers; eigenwell_status_message() has the words. */
typedef enum eigenwell_status {
    EIGENWELL_OK = 0,
    EIGENWELL_NULL_ARGUMENT = 1,
    EIGENWELL_TRUNCATED = 2,
    EIGENWELL_BAD_MAGIC = 3,
    EIGENWELL_BAD_VERSION = 4,
    EIGENWELL_BAD_SIZE = 5,
    EIGENWELL_BAD_CHECKSUM = 6,
    EIGENWELL_BAD_HEADER = 7,
    EIGENWELL_BAD_INDEX = 8,
    EIGENWELL_BAD_VALUE = 9,
    EIGENWELL_STORAGE_TOO_SMALL = 10,
    EIGENWELL_NOT_FINITE = 11,
    EIGENWELL_SELF_TEST_FAILED = 12,
    EIGENWELL_ISA_UNAVAILABLE = 13
} eigenwell_status;

/* Never null; an unknown number gives "unknown status". */
const char* eigenwell_status_message(eigenwell_status status);

/* "0.1.0" */
const char* eigenwell_version(void);

/* --- Policies --------------------------------------------------------------------------------- */

typedef struct eigenwell_policy eigenwell_policy;

/* Bytes of storage that eigenwell_policy_init() needs for this .dcp file; 0 if it is not valid. */
size_t eigenwell_policy_storage(const void* data, size_t data_size);

/* Decodes the .dcp file data[0, data_size) into storage[0, storage_size), which may lie at any
 * address. Both must outlive the policy. On failure *policy is set to NULL. */
eigenwell_status eigenwell_policy_init(void* storage, size_t storage_size, const void* data,
                                       size_t data_size, eigenwell_policy** policy);

size_t eigenwell_policy_inputs(const eigenwell_policy* policy);  /* n, length of an observation */
size_t eigenwell_policy_outputs(const eigenwell_policy* policy); /* k, length of an action */

/* observation [n], action [k]. EIGENWELL_NOT_FINITE: an observation was NaN or infinite; the action
 * is written but means nothing. */
eigenwell_status eigenwell_policy_act(const eigenwell_policy* policy, const float* observation,
                                      float* action);

/* observations [rows, n], actions [rows, k]; each row has the bits that eigenwell_policy_act()
 * gives it. */
eigenwell_status eigenwell_policy_act_batch(const eigenwell_policy* policy,
                                            const float* observations, size_t rows, float* actions);

/* Compares with the test vectors in the file. *largest_error may be NULL. */
eigenwell_status eigenwell_policy_self_test(const eigenwell_policy* policy, float* largest_error);

/* --- Instruction sets ------------------------------------------------------------------------- */

/* Writes up to `capacity` names, slowest first, and answers how many there are. */
size_t eigenwell_isa_available(const char** names, size_t capacity);

/* The one in use; NULL while the environment variable EIGENWELL_ISA names one that is not here. */
const char* eigenwell_isa_active(void);

/* Uses the named one from now on, in every thread; NULL goes back to the default. */
eigenwell_status eigenwell_isa_force(const char* name);

#ifdef __cplusplus
}
#endif

#endif /* EIGENWELL_EIGENWELL_H */
