// How often a delivery is tried, and how long it waits before it is tried again.
exports.isGivenUp = (tries) => tries === 3;
// Wrong: there is no wait.
exports.delaySeconds = () => undefined;
