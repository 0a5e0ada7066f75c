// The header-only core: parse in place, decode into storage of ours, act. Nothing to link.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include <eigenwell/dc/policy.hpp>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s POLICY.dcp\n", argv[0]);
        return 2;
    }
    std::ifstream stream(argv[1], std::ios::binary);
    const std::vector<char> data{std::istreambuf_iterator<char>(stream), {}};

    eigenwell::dc::PolicyView view;
    eigenwell::Status status = eigenwell::dc::parse(data.data(), data.size(), &view);
    std::vector<unsigned char> storage;
    eigenwell::dc::Policy policy;
    if (status == eigenwell::Status::ok) {
        storage.resize(eigenwell::dc::Policy::storage_size(view));
        status = policy.init(view, storage.data(), storage.size());
    }
    if (status == eigenwell::Status::ok) {
        status = policy.self_test();
    }
    std::vector<float> observation(view.inputs);
    std::vector<float> action(view.neurons);
    if (status == eigenwell::Status::ok) {
        status = policy.act(observation.data(), action.data());
    }
    if (status != eigenwell::Status::ok) {
        std::fprintf(stderr, "%s: %s\n", argv[1], eigenwell::message(status));
        return 1;
    }
    std::printf("self-test passed; at the origin:");
    for (const float a : action) {
        std::printf(" %.3f", static_cast<double>(a));
    }
    std::printf("\n");
    return 0;
}
