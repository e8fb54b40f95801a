using Belay.Storage;

namespace Belay.Identity;

/// <summary>Everything of the identity service that shares a store: the vault, the workload identities, their tokens, and the tags of both.</summary>
public sealed class IdentityServices
{
    /// <summary>Creates the services.</summary>
    /// <param name="store">Where documents are.</param>
    /// <param name="sealer">Seals keys.</param>
    /// <param name="masterKey">What the key of tokens is derived from.</param>
    /// <param name="secrets">Secrets that somebody else keeps.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ids">Where ids come from.</param>
    public IdentityServices(IDocumentStore store, ISealer sealer, MasterKey masterKey, ExternalSecrets secrets, TimeProvider time, IdSource ids)
    {
        Vault = new(store, sealer, secrets, time);
        Workloads = new(store, time, ids);
        Tokens = new(masterKey, Workloads, time);
        Tags = new(Vault, Workloads);
    }

    /// <summary>The token vault.</summary>
    public TokenVault Vault { get; }

    /// <summary>The workload identities.</summary>
    public WorkloadIdentities Workloads { get; }

    /// <summary>Their access tokens.</summary>
    public WorkloadTokens Tokens { get; }

    /// <summary>Tags of providers and identities.</summary>
    public IdentityTags Tags { get; }
}
