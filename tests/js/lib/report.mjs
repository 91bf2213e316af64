// Prints results as they come in groups, and sums them up.

export class Totals {
  passed = 0;
  failed = 0;
  /** The lines of each failed case, with its group. */
  #failures = [];

  /** Collects the results of one group and prints them with a line that sums them up. */
  async group(title, work) {
    const counts = { passed: 0, failed: 0 };
    const output = [];
    const report = ({ name, ok, ms, error }) => {
      counts[ok ? "passed" : "failed"] += 1;
      output.push(`  ${ok ? "ok" : "not ok"} - ${name} (${ms} ms)`);
      if (ok) return;
      const message = error.split("\n").map((line) => `      ${line}`);
      output.push(...message);
      this.#failures.push(`  not ok - ${title}: ${name}`, ...message);
    };
    const started = Date.now();
    await work(report).catch((error) => {
      report({ name: "it runs at all", ok: false, ms: 0, error: String(error?.stack ?? error) });
    });
    const seconds = ((Date.now() - started) / 1_000).toFixed(1);
    console.log([...output, `${title}: ${counts.passed} passed, ${counts.failed} failed (${seconds} s)`].join("\n"));
    this.passed += counts.passed;
    this.failed += counts.failed;
  }

  /** Prints the failed cases once more, so that they show where a log is cut off; then the last line. Sets the exit code. */
  conclude() {
    console.log([...this.#failures, `${this.passed} passed, ${this.failed} failed`].join("\n"));
    process.exitCode = this.failed === 0 && this.passed > 0 ? 0 : 1;
  }
}
