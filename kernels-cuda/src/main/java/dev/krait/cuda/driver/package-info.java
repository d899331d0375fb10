/// What the backend needs of the CUDA driver API, over JCuda, whose types stay inside. Read
/// [dev.krait.cuda.driver.CudaDevice] and [dev.krait.cuda.driver.Kernel] first.
@NullMarked
package dev.krait.cuda.driver;

import org.jspecify.annotations.NullMarked;
