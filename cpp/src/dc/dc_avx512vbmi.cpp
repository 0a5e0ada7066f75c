// DC kernels, AVX-512 with VBMI (Ice Lake, Zen 4 and later): the AVX-512 ones, and unpacking by
// VPMULTISHIFTQB, which takes eight 8-bit fields at any bit position out of a 64-bit word.
//
// Formula: out[j + w * per_word] = (word_w >> bits * j) & mask. One step takes as many whole words
// as make at most 64 indices (five words = 60 indices at 5 bits). The eight output bytes of a
// 64-bit lane may come from two words, so the words are permuted twice, shifted twice and blended.
#include "lanes_avx512.hpp"

namespace eigenwell::dc {
namespace {

void unpack_vbmi(const unsigned char* words, std::size_t count, unsigned bits, std::uint8_t* out) {
    const std::size_t per_word = 64 / bits;
    // A step reads 64 bytes at most, and four 2-bit words would already be 128 indices.
    const std::size_t step = 64 / per_word < 8 ? 64 / per_word : 8;
    const std::size_t step_indices = step * per_word;

    alignas(64) std::uint8_t shifts[64];
    alignas(64) std::uint64_t first_word[8];
    alignas(64) std::uint64_t last_word[8];
    std::uint64_t from_last = 0;  // output bytes that belong to the later of the lane's two words
    for (std::size_t lane = 0; lane < 8; ++lane) {
        const std::size_t first = 8 * lane / per_word;
        const std::size_t last = (8 * lane + 7) / per_word;
        first_word[lane] = first;
        last_word[lane] = last;
        for (std::size_t byte = 0; byte < 8; ++byte) {
            const std::size_t index = 8 * lane + byte;
            shifts[index] = static_cast<std::uint8_t>(bits * (index % per_word));
            if (index / per_word != first) {
                from_last |= std::uint64_t{1} << index;
            }
        }
    }
    const __m512i control = _mm512_load_si512(shifts);
    const __m512i first = _mm512_load_si512(first_word);
    const __m512i last = _mm512_load_si512(last_word);
    const __m512i mask = _mm512_set1_epi8(static_cast<char>((1U << bits) - 1));
    for (std::size_t w = 0; w < count; w += step) {
        const std::size_t here = count - w < step ? count - w : step;
        const auto load_mask = static_cast<__mmask8>((1U << here) - 1);
        const __m512i source = _mm512_maskz_loadu_epi64(load_mask, words + 8 * w);
        const __m512i early =
            _mm512_multishift_epi64_epi8(control, _mm512_permutexvar_epi64(first, source));
        const __m512i late =
            _mm512_multishift_epi64_epi8(control, _mm512_permutexvar_epi64(last, source));
        const __m512i indices =
            _mm512_and_si512(_mm512_mask_blend_epi8(from_last, early, late), mask);
        const std::size_t bytes = here * per_word;
        const std::uint64_t keep =
            bytes >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bytes) - 1;
        _mm512_mask_storeu_epi8(out, keep, indices);
        out += step_indices;
    }
}

constexpr Kernels with_vbmi(Kernels kernels) noexcept {
    kernels.unpack = unpack_vbmi;
    return kernels;
}

}  // namespace

constexpr Kernels avx512vbmi_kernels = with_vbmi(make_kernels<Avx512Lanes>());

}  // namespace eigenwell::dc
