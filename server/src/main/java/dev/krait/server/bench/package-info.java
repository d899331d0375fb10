/// `krait bench`: how fast a model runs on this machine, and how near that is to what the machine
/// can do.
///
/// Read [BenchCommand], then [ModelBench] and [SpeculationBench]. Command line only.
@NullMarked
package dev.krait.server.bench;

import org.jspecify.annotations.NullMarked;
