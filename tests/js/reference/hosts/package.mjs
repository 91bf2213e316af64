// What the followers take of the package, by its public name: this file lies in the project that has it installed.

export { connect } from "cometd-edge";
export { kvStore } from "cometd-edge/stores";
