package dev.krait.cuda;

import dev.krait.backend.OpArgs.ChooseArgs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;

/// The choice of tokens, see choose_tokens.cu: one block for each output.
final class CudaChoices {
  private final Kernel chooseTokens;
  private final int threads;

  CudaChoices(CudaDevice device) {
    KernelModule module = KernelModule.load(device, "choose_tokens");
    CudaStep.requireChoiceLayout(module);
    chooseTokens = module.kernel("choose_tokens");
    threads = module.constant("choose_tokens_threads");
  }

  void launch(ChooseArgs args, CudaStep step, int first, int count) {
    if (count == 0) {
      return;
    }
    KernelParams params = chooseTokens.params();
    Arguments.put(params, args.logits());
    params
        .pointer(step.samplingAddress(first))
        .pointer(step.chosenAddress(first))
        .integer(args.columns())
        .integer(args.probabilities() ? 1 : 0);
    chooseTokens.launch(count, 1, 1, threads, 0);
  }
}
