/// Metrics for Prometheus under the names that dashboards know.
///
/// Read [Metrics], then [RequestMeters]. Any thread may record or scrape.
@NullMarked
package dev.krait.server.observability;

import org.jspecify.annotations.NullMarked;
