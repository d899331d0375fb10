/// gRPC: the generation service of `krait.inference.v1`, health and reflection.
///
/// Read [GrpcServer], then [InferenceGrpcService]. Generated types stay in this package.
@NullMarked
package dev.krait.server.grpc;

import org.jspecify.annotations.NullMarked;
