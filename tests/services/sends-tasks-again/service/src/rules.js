// How often a delivery is tried, and how long it waits before it is tried again.
exports.isGivenUp = (tries) => tries === 3;
exports.delaySeconds = (tries) => 2 * 2 ** tries;
