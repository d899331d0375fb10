package dev.krait.model;

import dev.krait.cache.pool.CacheSpec;
import java.util.Optional;

/// Attention whose keys and values are projected from one latent vector a token (arXiv 2405.04434),
/// without positions and in the form in which the projection of the keys is applied to the queries:
/// every head attends over the same rows `[latent, shared]` and sums up their latents.
///
/// @param heads query heads
/// @param latentDim elements of the normed latent vector
/// @param noPeDim elements of a query that meet the latent vector, before they are projected to it
/// @param sharedDim elements of a query that meet the part of the key that all heads share
/// @param valueDim elements of a head's output
/// @param normEpsilon of the latent vector's norm
public record LatentAttention(
    int heads, int latentDim, int noPeDim, int sharedDim, int valueDim, float normEpsilon)
    implements Mixer {

  /// Columns of a cached row.
  public int rowDim() {
    return latentDim + sharedDim;
  }

  /// Columns of a head's query as it is projected from the input.
  public int queryDim() {
    return noPeDim + sharedDim;
  }

  /// Columns of the input projection: queries, then latent and shared part.
  public int projectionColumns() {
    return heads * queryDim() + rowDim();
  }

  /// What is computed over the cached rows, which are keys and values.
  public Mixer.Attention attention() {
    return Mixer.Attention.of(heads, 1, rowDim()).withScale(1 / Math.sqrt(queryDim()));
  }

  @Override
  public Optional<CacheSpec> cacheSpec() {
    return attention().cacheSpec();
  }
}
