using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Belay.Identity;

namespace Belay.Models.Bedrock;

/// <summary>
/// The operator's AWS credentials: environment, then profile, then, only when the operator says so, the metadata services of a
/// container or machine. Nothing is looked up before the first call; renewal is the SDK's.
/// </summary>
internal sealed class BedrockCredentials(BedrockSettings settings)
{
    private const string DefaultProfile = "default";
    private readonly Lock _gate = new();
    private AWSCredentials? _found;

    /// <summary>Keys in place of the chain's.</summary>
    public BedrockCredentials(AWSCredentials found)
        : this(new BedrockSettings()) => _found = found;

    /// <summary>The keys that hold now.</summary>
    /// <exception cref="ModelException">There are none, or they are Belay's own.</exception>
    public async Task<ImmutableCredentials> GetAsync(CancellationToken cancellationToken)
    {
        ImmutableCredentials keys;
        try
        {
            keys = await Find().GetCredentialsAsync().WaitAsync(cancellationToken);
        }
        catch (AmazonClientException exception)
        {
            throw Refused("the AWS credentials could not be read; check the profile and its source", exception);
        }

        if (keys.AccessKey.StartsWith(AccessKeys.Prefix, StringComparison.Ordinal))
        {
            throw Refused("the AWS credentials of the server are Belay's own access keys, which Bedrock does not know; start the server without the variables of `belay env`, or name a profile");
        }

        return keys;
    }

    private AWSCredentials Find()
    {
        lock (_gate)
        {
            return _found ??= FromEnvironment() ?? FromProfile() ?? FromMetadata()
                ?? throw Refused("there are no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile for the server");
        }
    }

    private static EnvironmentVariablesAWSCredentials? FromEnvironment()
    {
        try
        {
            return new EnvironmentVariablesAWSCredentials();
        }
        catch (InvalidOperationException)
        {
            // How the SDK says that the variables are not set.
            return null;
        }
    }

    private AWSCredentials? FromProfile()
    {
        var found = new CredentialProfileStoreChain().TryGetAWSCredentials(settings.Profile ?? DefaultProfile, out var credentials);
        if (!found && settings.Profile is not null)
        {
            throw Refused($"the AWS configuration has no profile named {settings.Profile}");
        }

        return found ? credentials : null;
    }

    private AWSCredentials? FromMetadata()
    {
        if (!settings.UseMetadataServices)
        {
            return null;
        }

        try
        {
            return new GenericContainerCredentials();
        }
        catch (Exception exception) when (exception is InvalidOperationException or AmazonClientException)
        {
            // No container names its metadata service; a machine's is at a fixed address.
            return new InstanceProfileAWSCredentials();
        }
    }

    private static ModelException Refused(string what, Exception? cause = null) =>
        new(ModelFailure.Refused, $"{BedrockModel.ProviderName}: {what}", cause: cause);
}
