// What an operation reads and writes, as the kernels want it: float or double, where it lies or in
// a copy. Memory answers null instead of throwing.
//
// Numerics. float16 and bfloat16 are widened to float32, which is exact, and results are narrowed
// once, to nearest even.
#ifndef EIGENWELL_SRC_PAIRWISE_OPERANDS_HPP
#define EIGENWELL_SRC_PAIRWISE_OPERANDS_HPP

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#include "half.hpp"
#include "operations.hpp"

namespace eigenwell::pairwise {

// Memory that answers null instead of throwing, at a multiple of 64 bytes.
template <class T>
class Buffer {
public:
    [[nodiscard]] bool allocate(std::size_t count) noexcept {
        release();
        const std::size_t bytes = (count > 0 ? count : 1) * sizeof(T);
        data_ = static_cast<T*>(::operator new(bytes, std::align_val_t{64}, std::nothrow));
        return data_ != nullptr;
    }
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { release(); }
    [[nodiscard]] T* get() const noexcept { return data_; }

private:
    void release() noexcept { ::operator delete(data_, std::align_val_t{64}); }
    T* data_ = nullptr;
};

template <class T>
const RowKernels<T>& of_type(const Kernels& kernels) noexcept {
    if constexpr (std::is_same_v<T, float>) {
        return kernels.f32;
    } else {
        return kernels.f64;
    }
}

// Element i of an array of one of the two narrow types.
inline float element(const void* values, std::size_t i, Element type) noexcept {
    if (type == Element::f16) {
        return widen(static_cast<const Float16*>(values)[i]);
    }
    return widen(static_cast<const BFloat16*>(values)[i]);
}

// An argument as T: where it lies, or a copy that is wider or scaled.
template <class T>
class Operand {
public:
    [[nodiscard]] bool load(const void* values, std::size_t count, Element type) noexcept {
        data_ = static_cast<const T*>(values);
        count_ = count;
        if (values == nullptr || type == Element::f32 || type == Element::f64) {
            return true;
        }
        if (!copy_.allocate(count)) {
            return false;
        }
        for (std::size_t i = 0; i < count; ++i) {
            copy_.get()[i] = static_cast<T>(element(values, i, type));
        }
        data_ = copy_.get();
        return true;
    }
    [[nodiscard]] bool zeros(std::size_t count) noexcept {
        if (!copy_.allocate(count)) {
            return false;
        }
        std::uninitialized_fill_n(copy_.get(), count, T(0));
        data_ = copy_.get();
        count_ = count;
        return true;
    }
    [[nodiscard]] bool multiply(T factor) noexcept {
        if (data_ == nullptr) {
            return true;
        }
        if (copy_.get() == nullptr && !copy_.allocate(count_)) {
            return false;
        }
        for (std::size_t i = 0; i < count_; ++i) {
            copy_.get()[i] = data_[i] * factor;
        }
        data_ = copy_.get();
        return true;
    }
    [[nodiscard]] const T* get() const noexcept { return data_; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

private:
    const T* data_ = nullptr;
    std::size_t count_ = 0;
    Buffer<T> copy_;
};

// A result as T: in its place, or in a buffer that is narrowed at the end.
template <class T>
class Result {
public:
    [[nodiscard]] bool prepare(void* values, std::size_t count, Element type) noexcept {
        target_ = values;
        count_ = count;
        type_ = type;
        data_ = static_cast<T*>(values);
        if (values == nullptr || type == Element::f32 || type == Element::f64) {
            return true;
        }
        if (!copy_.allocate(count)) {
            return false;
        }
        data_ = copy_.get();
        return true;
    }
    void finish() const noexcept {
        if (copy_.get() == nullptr) {
            return;
        }
        for (std::size_t i = 0; i < count_; ++i) {
            const auto value = static_cast<float>(data_[i]);
            if (type_ == Element::f16) {
                static_cast<Float16*>(target_)[i] = narrow_float16(value);
            } else {
                static_cast<BFloat16*>(target_)[i] = narrow_bfloat16(value);
            }
        }
    }
    [[nodiscard]] T* get() const noexcept { return data_; }

private:
    void* target_ = nullptr;
    T* data_ = nullptr;
    std::size_t count_ = 0;
    Element type_ = Element::f32;
    Buffer<T> copy_;
};

}  // namespace eigenwell::pairwise

#endif  // EIGENWELL_SRC_PAIRWISE_OPERANDS_HPP
