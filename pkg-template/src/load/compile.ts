/** Compiles what a response brings, as it comes where the host can do that. */
export async function compile(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  try {
    return await WebAssembly.compileStreaming(response);
  } catch (error) {
    // Not begun: it is served as something else than wasm, or the response is not of the host's own make.
    if (response.bodyUsed) throw error;
    return WebAssembly.compile(await response.arrayBuffer());
  }
}
