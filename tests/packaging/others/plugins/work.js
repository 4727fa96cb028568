exports.handler = async () => process.env.SDK;
