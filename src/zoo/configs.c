/* Configurations of the zoo's named models, as the published files spell them, without what has no meaning for
 * inference. The reduced ones keep the structure of their blocks, with fewer and narrower layers; those named -tiny are
 * the ones of tests/golden/zoo. */
#include "zoo/names.h"

static const char bert_tiny[] =
    "{\"model_type\":\"bert\",\"vocab_size\":30522,\"hidden_size\":128,\"num_hidden_layers\":2,"
    "\"num_attention_heads\":2,\"intermediate_size\":512,\"hidden_act\":\"gelu\","
    "\"max_position_embeddings\":512,\"type_vocab_size\":2,\"layer_norm_eps\":1e-12,\"pad_token_id\":0}";

static const char bert_base_uncased[] =
    "{\"architectures\":[\"BertForMaskedLM\"],\"model_type\":\"bert\",\"vocab_size\":30522,"
    "\"hidden_size\":768,\"num_hidden_layers\":12,\"num_attention_heads\":12,\"intermediate_size\":3072,"
    "\"hidden_act\":\"gelu\",\"max_position_embeddings\":512,\"type_vocab_size\":2,"
    "\"layer_norm_eps\":1e-12,\"pad_token_id\":0}";

static const char bert_base[] =
    "{\"architectures\":[\"BertModel\"],\"model_type\":\"bert\",\"vocab_size\":30522,\"hidden_size\":768,"
    "\"num_hidden_layers\":12,\"num_attention_heads\":12,\"intermediate_size\":3072,"
    "\"hidden_act\":\"gelu\",\"max_position_embeddings\":512,\"type_vocab_size\":2,"
    "\"layer_norm_eps\":1e-12,\"pad_token_id\":0}";

static const char distilbert_base_uncased[] =
    "{\"architectures\":[\"DistilBertForMaskedLM\"],\"model_type\":\"distilbert\",\"vocab_size\":30522,"
    "\"dim\":768,\"n_layers\":6,\"n_heads\":12,\"hidden_dim\":3072,\"activation\":\"gelu\","
    "\"max_position_embeddings\":512,\"sinusoidal_pos_embds\":false,\"pad_token_id\":0,"
    "\"tie_weights_\":true}";

static const char roberta_base[] =
    "{\"architectures\":[\"RobertaForMaskedLM\"],\"model_type\":\"roberta\",\"vocab_size\":50265,"
    "\"hidden_size\":768,\"num_hidden_layers\":12,\"num_attention_heads\":12,\"intermediate_size\":3072,"
    "\"hidden_act\":\"gelu\",\"max_position_embeddings\":514,\"type_vocab_size\":1,"
    "\"layer_norm_eps\":1e-05,\"pad_token_id\":1,\"bos_token_id\":0,\"eos_token_id\":2}";

static const char t5_efficient_tiny[] =
    "{\"architectures\":[\"T5ForConditionalGeneration\"],\"model_type\":\"t5\",\"vocab_size\":32128,"
    "\"d_model\":256,\"d_kv\":64,\"d_ff\":1024,\"num_layers\":4,\"num_decoder_layers\":4,\"num_heads\":4,"
    "\"relative_attention_num_buckets\":32,\"feed_forward_proj\":\"relu\",\"layer_norm_epsilon\":1e-06,"
    "\"is_encoder_decoder\":true,\"decoder_start_token_id\":0,\"pad_token_id\":0,\"eos_token_id\":1}";

static const char t5_small[] =
    "{\"architectures\":[\"T5ForConditionalGeneration\"],\"model_type\":\"t5\",\"vocab_size\":32128,"
    "\"d_model\":512,\"d_kv\":64,\"d_ff\":2048,\"num_layers\":6,\"num_decoder_layers\":6,\"num_heads\":8,"
    "\"relative_attention_num_buckets\":32,\"feed_forward_proj\":\"relu\",\"layer_norm_epsilon\":1e-06,"
    "\"is_encoder_decoder\":true,\"decoder_start_token_id\":0,\"pad_token_id\":0,\"eos_token_id\":1}";

static const char opt_125m[] =
    "{\"architectures\":[\"OPTForCausalLM\"],\"model_type\":\"opt\",\"vocab_size\":50272,"
    "\"hidden_size\":768,\"num_hidden_layers\":12,\"num_attention_heads\":12,\"ffn_dim\":3072,"
    "\"activation_function\":\"relu\",\"max_position_embeddings\":2048,\"do_layer_norm_before\":true,"
    "\"word_embed_proj_dim\":768,\"pad_token_id\":1,\"bos_token_id\":2,\"eos_token_id\":2,"
    "\"torch_dtype\":\"float16\"}";

static const char gpt2[] =
    "{\"architectures\":[\"GPT2LMHeadModel\"],\"model_type\":\"gpt2\",\"vocab_size\":50257,"
    "\"n_embd\":768,\"n_layer\":12,\"n_head\":12,\"n_positions\":1024,\"n_ctx\":1024,"
    "\"activation_function\":\"gelu_new\",\"layer_norm_epsilon\":1e-05,\"bos_token_id\":50256,"
    "\"eos_token_id\":50256}";

static const char tinyllama_1_1b_chat_v1_0[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":32000,"
    "\"hidden_size\":2048,\"num_hidden_layers\":22,\"num_attention_heads\":32,\"num_key_value_heads\":4,"
    "\"intermediate_size\":5632,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,"
    "\"max_position_embeddings\":2048,\"tie_word_embeddings\":false,\"bos_token_id\":1,"
    "\"eos_token_id\":2,\"torch_dtype\":\"bfloat16\"}";

static const char llama_7b[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":32000,"
    "\"hidden_size\":4096,\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":32,"
    "\"intermediate_size\":11008,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":10000.0,"
    "\"max_position_embeddings\":2048,\"tie_word_embeddings\":false,\"bos_token_id\":1,"
    "\"eos_token_id\":2,\"torch_dtype\":\"float16\"}";

static const char llama_reduced[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":32000,"
    "\"hidden_size\":512,\"num_hidden_layers\":4,\"num_attention_heads\":8,\"num_key_value_heads\":8,"
    "\"intermediate_size\":1376,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":10000.0,"
    "\"max_position_embeddings\":2048,\"tie_word_embeddings\":false,\"bos_token_id\":1,"
    "\"eos_token_id\":2,\"torch_dtype\":\"float16\"}";

static const char qwen2_0_5b[] =
    "{\"architectures\":[\"Qwen2ForCausalLM\"],\"model_type\":\"qwen2\",\"vocab_size\":151936,"
    "\"hidden_size\":896,\"num_hidden_layers\":24,\"num_attention_heads\":14,\"num_key_value_heads\":2,"
    "\"intermediate_size\":4864,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":1000000.0,"
    "\"max_position_embeddings\":32768,\"use_sliding_window\":false,\"sliding_window\":32768,"
    "\"max_window_layers\":24,\"tie_word_embeddings\":true,\"bos_token_id\":151643,"
    "\"eos_token_id\":151645,\"torch_dtype\":\"bfloat16\"}";

static const char qwen3_0_6b[] =
    "{\"architectures\":[\"Qwen3ForCausalLM\"],\"model_type\":\"qwen3\",\"vocab_size\":151936,"
    "\"hidden_size\":1024,\"num_hidden_layers\":28,\"num_attention_heads\":16,\"num_key_value_heads\":8,"
    "\"head_dim\":128,\"intermediate_size\":3072,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,"
    "\"rope_theta\":1000000,\"max_position_embeddings\":40960,\"use_sliding_window\":false,"
    "\"max_window_layers\":28,\"attention_bias\":false,\"tie_word_embeddings\":true,"
    "\"bos_token_id\":151643,\"eos_token_id\":151645,\"torch_dtype\":\"bfloat16\"}";

static const char clip_vit_base_patch32[] =
    "{\"architectures\":[\"CLIPModel\"],\"model_type\":\"clip\",\"projection_dim\":512,"
    "\"text_config\":{\"vocab_size\":49408,\"hidden_size\":512,\"intermediate_size\":2048,"
    "\"num_hidden_layers\":12,\"num_attention_heads\":8,\"max_position_embeddings\":77,"
    "\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-05,\"bos_token_id\":0,\"eos_token_id\":2,"
    "\"pad_token_id\":1,\"model_type\":\"clip_text_model\"},\"vision_config\":{\"hidden_size\":768,"
    "\"intermediate_size\":3072,\"num_hidden_layers\":12,\"num_attention_heads\":12,\"image_size\":224,"
    "\"patch_size\":32,\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-05,"
    "\"model_type\":\"clip_vision_model\"},\"torch_dtype\":\"float32\"}";

static const char xclip_base_patch32[] =
    "{\"architectures\":[\"XCLIPModel\"],\"model_type\":\"xclip\",\"projection_dim\":512,"
    "\"prompt_layers\":2,\"prompt_num_attention_heads\":8,\"prompt_alpha\":0.1,"
    "\"prompt_hidden_act\":\"quick_gelu\",\"text_config\":{\"vocab_size\":49408,\"hidden_size\":512,"
    "\"intermediate_size\":2048,\"num_hidden_layers\":12,\"num_attention_heads\":8,"
    "\"max_position_embeddings\":77,\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-05,"
    "\"bos_token_id\":0,\"eos_token_id\":2,\"pad_token_id\":1,\"model_type\":\"xclip_text_model\"},"
    "\"vision_config\":{\"hidden_size\":768,\"intermediate_size\":3072,\"num_hidden_layers\":12,"
    "\"num_attention_heads\":12,\"image_size\":224,\"patch_size\":32,\"hidden_act\":\"quick_gelu\","
    "\"layer_norm_eps\":1e-05,\"model_type\":\"xclip_vision_model\",\"num_frames\":8,"
    "\"mit_hidden_size\":512,\"mit_intermediate_size\":2048,\"mit_num_hidden_layers\":1,"
    "\"mit_num_attention_heads\":8},\"torch_dtype\":\"float32\"}";

static const char vit_base_patch16_224[] =
    "{\"architectures\":[\"ViTForImageClassification\"],\"model_type\":\"vit\",\"hidden_size\":768,"
    "\"num_hidden_layers\":12,\"num_attention_heads\":12,\"intermediate_size\":3072,"
    "\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-12,\"image_size\":224,\"patch_size\":16,"
    "\"num_channels\":3,\"qkv_bias\":true,\"num_labels\":1000}";

static const char resnet_50[] =
    "{\"architectures\":[\"ResNetForImageClassification\"],\"model_type\":\"resnet\",\"num_channels\":3,"
    "\"embedding_size\":64,\"hidden_sizes\":[256,512,1024,2048],\"depths\":[3,4,6,3],"
    "\"layer_type\":\"bottleneck\",\"hidden_act\":\"relu\",\"downsample_in_first_stage\":false,"
    "\"num_labels\":1000,\"torch_dtype\":\"float32\"}";

static const char detr_resnet_50[] =
    "{\"architectures\":[\"DetrForObjectDetection\"],\"model_type\":\"detr\",\"use_timm_backbone\":true,"
    "\"backbone\":\"resnet50\",\"num_channels\":3,\"d_model\":256,\"encoder_layers\":6,"
    "\"decoder_layers\":6,\"encoder_attention_heads\":8,\"decoder_attention_heads\":8,"
    "\"encoder_ffn_dim\":2048,\"decoder_ffn_dim\":2048,\"activation_function\":\"relu\","
    "\"num_queries\":100,\"position_embedding_type\":\"sine\",\"dilation\":false,"
    "\"is_encoder_decoder\":true,\"num_labels\":91}";

static const char whisper_tiny[] =
    "{\"architectures\":[\"WhisperForConditionalGeneration\"],\"model_type\":\"whisper\","
    "\"vocab_size\":51865,\"num_mel_bins\":80,\"d_model\":384,\"encoder_layers\":4,\"decoder_layers\":4,"
    "\"encoder_attention_heads\":6,\"decoder_attention_heads\":6,\"encoder_ffn_dim\":1536,"
    "\"decoder_ffn_dim\":1536,\"activation_function\":\"gelu\",\"max_source_positions\":1500,"
    "\"max_target_positions\":448,\"scale_embedding\":false,\"is_encoder_decoder\":true,"
    "\"decoder_start_token_id\":50258,\"bos_token_id\":50257,\"eos_token_id\":50257,"
    "\"pad_token_id\":50257,\"torch_dtype\":\"float32\"}";

static const char wav2vec2_base[] =
    "{\"architectures\":[\"Wav2Vec2ForPreTraining\"],\"model_type\":\"wav2vec2\",\"vocab_size\":32,"
    "\"hidden_size\":768,\"num_hidden_layers\":12,\"num_attention_heads\":12,\"intermediate_size\":3072,"
    "\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-05,\"conv_dim\":[512,512,512,512,512,512,512],"
    "\"conv_kernel\":[10,3,3,3,3,2,2],\"conv_stride\":[5,2,2,2,2,2,2],\"conv_bias\":false,"
    "\"feat_extract_norm\":\"group\",\"feat_extract_activation\":\"gelu\",\"do_stable_layer_norm\":false,"
    "\"num_conv_pos_embeddings\":128,\"num_conv_pos_embedding_groups\":16,\"pad_token_id\":0,"
    "\"bos_token_id\":1,\"eos_token_id\":2,\"torch_dtype\":\"float32\"}";

static const char clap_htsat_unfused[] =
    "{\"architectures\":[\"ClapModel\"],\"model_type\":\"clap\",\"projection_dim\":512,"
    "\"projection_hidden_act\":\"relu\",\"text_config\":{\"model_type\":\"clap_text_model\","
    "\"vocab_size\":50265,\"hidden_size\":768,\"num_hidden_layers\":12,\"num_attention_heads\":12,"
    "\"intermediate_size\":3072,\"hidden_act\":\"gelu\",\"max_position_embeddings\":514,"
    "\"type_vocab_size\":1,\"layer_norm_eps\":1e-12,\"projection_dim\":512,\"pad_token_id\":1,"
    "\"bos_token_id\":0,\"eos_token_id\":2},\"audio_config\":{\"model_type\":\"clap_audio_model\","
    "\"spec_size\":256,\"num_mel_bins\":64,\"window_size\":8,\"patch_size\":4,\"patch_stride\":[4,4],"
    "\"patch_embeds_hidden_size\":96,\"depths\":[2,2,6,2],\"num_attention_heads\":[4,8,16,32],"
    "\"num_hidden_layers\":4,\"hidden_size\":768,\"mlp_ratio\":4.0,\"hidden_act\":\"gelu\","
    "\"qkv_bias\":true,\"layer_norm_eps\":1e-05,\"enable_fusion\":false,\"enable_patch_layer_norm\":true,"
    "\"patch_embed_input_channels\":1,\"flatten_patch_embeds\":true,\"projection_dim\":512},"
    "\"torch_dtype\":\"float32\"}";

static const char llava_1_5_7b_hf[] =
    "{\"architectures\":[\"LlavaForConditionalGeneration\"],\"model_type\":\"llava\","
    "\"image_token_index\":32000,\"projector_hidden_act\":\"gelu\",\"vision_feature_layer\":-2,"
    "\"vision_feature_select_strategy\":\"default\",\"pad_token_id\":32001,\"tie_word_embeddings\":false,"
    "\"text_config\":{\"model_type\":\"llama\",\"vocab_size\":32064,\"hidden_size\":4096,"
    "\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":32,"
    "\"intermediate_size\":11008,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,"
    "\"max_position_embeddings\":4096,\"torch_dtype\":\"float16\"},"
    "\"vision_config\":{\"model_type\":\"clip_vision_model\",\"hidden_size\":1024,"
    "\"intermediate_size\":4096,\"num_hidden_layers\":24,\"num_attention_heads\":16,\"image_size\":336,"
    "\"patch_size\":14,\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-05,\"projection_dim\":768},"
    "\"torch_dtype\":\"float16\"}";

static const char llava_1_5_reduced[] =
    "{\"architectures\":[\"LlavaForConditionalGeneration\"],\"model_type\":\"llava\","
    "\"image_token_index\":32000,\"projector_hidden_act\":\"gelu\",\"vision_feature_layer\":-2,"
    "\"vision_feature_select_strategy\":\"default\",\"pad_token_id\":32001,\"tie_word_embeddings\":false,"
    "\"text_config\":{\"model_type\":\"llama\",\"vocab_size\":32064,\"hidden_size\":512,"
    "\"num_hidden_layers\":4,\"num_attention_heads\":8,\"num_key_value_heads\":8,"
    "\"intermediate_size\":1376,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,"
    "\"max_position_embeddings\":4096,\"torch_dtype\":\"float16\"},"
    "\"vision_config\":{\"model_type\":\"clip_vision_model\",\"hidden_size\":256,"
    "\"intermediate_size\":1024,\"num_hidden_layers\":4,\"num_attention_heads\":4,\"image_size\":336,"
    "\"patch_size\":14,\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-05,\"projection_dim\":768},"
    "\"torch_dtype\":\"float16\"}";

static const char llava_onevision_qwen2_0_5b[] =
    "{\"architectures\":[\"LlavaOnevisionForConditionalGeneration\"],\"model_type\":\"llava_onevision\","
    "\"image_token_index\":151646,\"video_token_index\":151647,\"projector_hidden_act\":\"gelu\","
    "\"vision_feature_layer\":-1,\"vision_feature_select_strategy\":\"full\","
    "\"vision_aspect_ratio\":\"anyres_max_9\",\"image_grid_pinpoints\":[[384,384],[384,768],[384,1152],"
    "[384,1536],[384,1920],[384,2304],[768,384],[768,768],[768,1152],[768,1536],[768,1920],[768,2304],"
    "[1152,384],[1152,768],[1152,1152],[1152,1536],[1152,1920],[1152,2304],[1536,384],[1536,768],[1536,"
    "1152],[1536,1536],[1536,1920],[1536,2304],[1920,384],[1920,768],[1920,1152],[1920,1536],[1920,1920],"
    "[1920,2304],[2304,384],[2304,768],[2304,1152],[2304,1536],[2304,1920],[2304,2304]],"
    "\"tie_word_embeddings\":true,\"text_config\":{\"model_type\":\"qwen2\",\"vocab_size\":152000,"
    "\"hidden_size\":896,\"num_hidden_layers\":24,\"num_attention_heads\":14,\"num_key_value_heads\":2,"
    "\"intermediate_size\":4864,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":1000000.0,"
    "\"max_position_embeddings\":32768,\"use_sliding_window\":false,\"tie_word_embeddings\":true,"
    "\"torch_dtype\":\"float16\"},\"vision_config\":{\"model_type\":\"siglip_vision_model\","
    "\"hidden_size\":1152,\"intermediate_size\":4304,\"num_hidden_layers\":26,\"num_attention_heads\":16,"
    "\"image_size\":384,\"patch_size\":14,\"hidden_act\":\"gelu_pytorch_tanh\",\"layer_norm_eps\":1e-06,"
    "\"vision_use_head\":false},\"torch_dtype\":\"float16\"}";

static const char llava_v1_6_mistral_7b_hf[] =
    "{\"architectures\":[\"LlavaNextForConditionalGeneration\"],\"model_type\":\"llava_next\","
    "\"image_token_index\":32000,\"projector_hidden_act\":\"gelu\",\"vision_feature_layer\":-2,"
    "\"vision_feature_select_strategy\":\"default\",\"pad_token_id\":32001,\"tie_word_embeddings\":false,"
    "\"text_config\":{\"model_type\":\"mistral\",\"vocab_size\":32064,\"hidden_size\":4096,"
    "\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":8,"
    "\"intermediate_size\":14336,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-05,\"rope_theta\":1000000.0,"
    "\"max_position_embeddings\":32768,\"torch_dtype\":\"float16\"},"
    "\"vision_config\":{\"model_type\":\"clip_vision_model\",\"hidden_size\":1024,"
    "\"intermediate_size\":4096,\"num_hidden_layers\":24,\"num_attention_heads\":16,\"image_size\":336,"
    "\"patch_size\":14,\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-05,\"projection_dim\":768},"
    "\"torch_dtype\":\"float16\",\"image_grid_pinpoints\":[[336,672],[672,336],[672,672],[1008,336],[336,"
    "1008]]}";

static const char llava_next_reduced[] =
    "{\"architectures\":[\"LlavaNextForConditionalGeneration\"],\"model_type\":\"llava_next\","
    "\"image_token_index\":32000,\"projector_hidden_act\":\"gelu\",\"vision_feature_layer\":-2,"
    "\"vision_feature_select_strategy\":\"default\",\"pad_token_id\":32001,\"tie_word_embeddings\":false,"
    "\"text_config\":{\"model_type\":\"mistral\",\"vocab_size\":32064,\"hidden_size\":512,"
    "\"num_hidden_layers\":4,\"num_attention_heads\":8,\"num_key_value_heads\":2,"
    "\"intermediate_size\":1792,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-05,\"rope_theta\":1000000.0,"
    "\"max_position_embeddings\":32768,\"torch_dtype\":\"float16\"},"
    "\"vision_config\":{\"model_type\":\"clip_vision_model\",\"hidden_size\":256,"
    "\"intermediate_size\":1024,\"num_hidden_layers\":4,\"num_attention_heads\":4,\"image_size\":336,"
    "\"patch_size\":14,\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-05,\"projection_dim\":768},"
    "\"torch_dtype\":\"float16\",\"image_grid_pinpoints\":[[336,672],[672,336],[672,672],[1008,336],[336,"
    "1008]]}";

static const char qwen2_vl_2b_instruct[] =
    "{\"architectures\":[\"Qwen2VLForConditionalGeneration\"],\"model_type\":\"qwen2_vl\","
    "\"vision_start_token_id\":151652,\"vision_end_token_id\":151653,\"image_token_id\":151655,"
    "\"video_token_id\":151656,\"vocab_size\":151936,\"hidden_size\":1536,\"num_hidden_layers\":28,"
    "\"num_attention_heads\":12,\"num_key_value_heads\":2,\"intermediate_size\":8960,"
    "\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":1000000.0,"
    "\"rope_scaling\":{\"type\":\"mrope\",\"mrope_section\":[16,24,24]},"
    "\"max_position_embeddings\":32768,\"use_sliding_window\":false,\"sliding_window\":32768,"
    "\"max_window_layers\":28,\"tie_word_embeddings\":true,\"bos_token_id\":151643,"
    "\"eos_token_id\":151645,\"vision_config\":{\"depth\":32,\"embed_dim\":1280,\"mlp_ratio\":4,"
    "\"num_heads\":16,\"in_chans\":3,\"hidden_size\":1536,\"patch_size\":14,\"spatial_merge_size\":2,"
    "\"spatial_patch_size\":14,\"temporal_patch_size\":2},\"torch_dtype\":\"bfloat16\"}";

static const char qwen2_vl_reduced[] =
    "{\"architectures\":[\"Qwen2VLForConditionalGeneration\"],\"model_type\":\"qwen2_vl\","
    "\"vision_start_token_id\":151652,\"vision_end_token_id\":151653,\"image_token_id\":151655,"
    "\"video_token_id\":151656,\"vocab_size\":151936,\"hidden_size\":768,\"num_hidden_layers\":4,"
    "\"num_attention_heads\":6,\"num_key_value_heads\":1,\"intermediate_size\":4480,"
    "\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":1000000.0,"
    "\"rope_scaling\":{\"type\":\"mrope\",\"mrope_section\":[16,24,24]},"
    "\"max_position_embeddings\":32768,\"use_sliding_window\":false,\"sliding_window\":32768,"
    "\"max_window_layers\":28,\"tie_word_embeddings\":true,\"bos_token_id\":151643,"
    "\"eos_token_id\":151645,\"vision_config\":{\"depth\":4,\"embed_dim\":320,\"mlp_ratio\":4,"
    "\"num_heads\":4,\"in_chans\":3,\"hidden_size\":768,\"patch_size\":14,\"spatial_merge_size\":2,"
    "\"spatial_patch_size\":14,\"temporal_patch_size\":2},\"torch_dtype\":\"bfloat16\"}";

static const char qwen3_vl_2b_instruct[] =
    "{\"architectures\":[\"Qwen3VLForConditionalGeneration\"],\"model_type\":\"qwen3_vl\","
    "\"vision_start_token_id\":151652,\"vision_end_token_id\":151653,\"image_token_id\":151655,"
    "\"video_token_id\":151656,\"tie_word_embeddings\":true,"
    "\"text_config\":{\"model_type\":\"qwen3_vl_text\",\"vocab_size\":151936,\"hidden_size\":2048,"
    "\"num_hidden_layers\":28,\"num_attention_heads\":16,\"num_key_value_heads\":8,\"head_dim\":128,"
    "\"intermediate_size\":6144,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":5000000,"
    "\"rope_scaling\":{\"rope_type\":\"default\",\"mrope_section\":[24,20,20],"
    "\"mrope_interleaved\":true},\"max_position_embeddings\":262144,\"attention_bias\":false,"
    "\"tie_word_embeddings\":true,\"bos_token_id\":151643,\"eos_token_id\":151645,"
    "\"dtype\":\"bfloat16\"},\"vision_config\":{\"model_type\":\"qwen3_vl\",\"depth\":24,"
    "\"hidden_size\":1024,\"num_heads\":16,\"intermediate_size\":4096,"
    "\"hidden_act\":\"gelu_pytorch_tanh\",\"patch_size\":16,\"temporal_patch_size\":2,"
    "\"spatial_merge_size\":2,\"in_channels\":3,\"out_hidden_size\":2048,"
    "\"num_position_embeddings\":2304,\"deepstack_visual_indexes\":[5,11,17]}}";

static const char qwen3_vl_reduced[] =
    "{\"architectures\":[\"Qwen3VLForConditionalGeneration\"],\"model_type\":\"qwen3_vl\","
    "\"vision_start_token_id\":151652,\"vision_end_token_id\":151653,\"image_token_id\":151655,"
    "\"video_token_id\":151656,\"tie_word_embeddings\":true,"
    "\"text_config\":{\"model_type\":\"qwen3_vl_text\",\"vocab_size\":151936,\"hidden_size\":512,"
    "\"num_hidden_layers\":4,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":128,"
    "\"intermediate_size\":1536,\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-06,\"rope_theta\":5000000,"
    "\"rope_scaling\":{\"rope_type\":\"default\",\"mrope_section\":[24,20,20],"
    "\"mrope_interleaved\":true},\"max_position_embeddings\":262144,\"attention_bias\":false,"
    "\"tie_word_embeddings\":true,\"bos_token_id\":151643,\"eos_token_id\":151645,"
    "\"dtype\":\"bfloat16\"},\"vision_config\":{\"model_type\":\"qwen3_vl\",\"depth\":4,"
    "\"hidden_size\":256,\"num_heads\":4,\"intermediate_size\":1024,\"hidden_act\":\"gelu_pytorch_tanh\","
    "\"patch_size\":16,\"temporal_patch_size\":2,\"spatial_merge_size\":2,\"in_channels\":3,"
    "\"out_hidden_size\":512,\"num_position_embeddings\":2304,\"deepstack_visual_indexes\":[1,2,3]}}";

static const char distilbert_tiny[] =
    "{\"activation\":\"gelu\",\"architectures\":[\"DistilBertModel\"],\"dim\":24,\"hidden_dim\":40,"
    "\"max_position_embeddings\":24,\"model_type\":\"distilbert\",\"n_heads\":4,\"n_layers\":2,"
    "\"pad_token_id\":0,\"sinusoidal_pos_embds\":false,\"tie_word_embeddings\":true,\"vocab_size\":100}";

static const char roberta_tiny[] =
    "{\"add_cross_attention\":false,\"architectures\":[\"RobertaModel\"],\"bos_token_id\":0,"
    "\"eos_token_id\":2,\"hidden_act\":\"gelu\",\"hidden_size\":24,\"num_labels\":5,"
    "\"intermediate_size\":40,\"is_decoder\":false,\"layer_norm_eps\":1e-05,"
    "\"max_position_embeddings\":26,\"model_type\":\"roberta\",\"num_attention_heads\":4,"
    "\"num_hidden_layers\":2,\"pad_token_id\":1,\"tie_word_embeddings\":true,\"type_vocab_size\":1,"
    "\"vocab_size\":100}";

static const char t5_tiny[] =
    "{\"architectures\":[\"T5ForConditionalGeneration\"],\"d_ff\":40,\"d_kv\":8,\"d_model\":24,"
    "\"decoder_start_token_id\":0,\"dense_act_fn\":\"relu\",\"eos_token_id\":1,"
    "\"feed_forward_proj\":\"relu\",\"is_decoder\":false,\"is_encoder_decoder\":true,"
    "\"is_gated_act\":false,\"layer_norm_epsilon\":1e-06,\"model_type\":\"t5\",\"num_decoder_layers\":2,"
    "\"num_heads\":4,\"num_layers\":2,\"pad_token_id\":0,\"relative_attention_max_distance\":30,"
    "\"relative_attention_num_buckets\":12,\"scale_decoder_outputs\":true,\"tie_word_embeddings\":true,"
    "\"vocab_size\":100}";

static const char opt_tiny[] =
    "{\"_remove_final_layer_norm\":false,\"activation_function\":\"relu\","
    "\"architectures\":[\"OPTForCausalLM\"],\"bos_token_id\":2,\"do_layer_norm_before\":true,"
    "\"enable_bias\":true,\"eos_token_id\":2,\"ffn_dim\":40,\"hidden_size\":24,"
    "\"layer_norm_elementwise_affine\":true,\"max_position_embeddings\":64,\"model_type\":\"opt\","
    "\"num_attention_heads\":4,\"num_hidden_layers\":2,\"pad_token_id\":1,\"tie_word_embeddings\":true,"
    "\"vocab_size\":100,\"word_embed_proj_dim\":24}";

static const char gpt2_tiny[] =
    "{\"activation_function\":\"gelu_new\",\"add_cross_attention\":false,"
    "\"architectures\":[\"GPT2LMHeadModel\"],\"bos_token_id\":99,\"eos_token_id\":99,"
    "\"layer_norm_epsilon\":1e-05,\"model_type\":\"gpt2\",\"n_embd\":24,\"n_head\":4,\"n_inner\":40,"
    "\"n_layer\":2,\"n_positions\":48,\"reorder_and_upcast_attn\":false,"
    "\"scale_attn_by_inverse_layer_idx\":false,\"scale_attn_weights\":true,\"tie_word_embeddings\":true,"
    "\"vocab_size\":100}";

static const char llama_tiny[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"attention_bias\":false,\"bos_token_id\":1,"
    "\"eos_token_id\":2,\"head_dim\":6,\"hidden_act\":\"silu\",\"hidden_size\":24,"
    "\"intermediate_size\":40,\"max_position_embeddings\":64,\"mlp_bias\":false,\"model_type\":\"llama\","
    "\"num_attention_heads\":4,\"num_hidden_layers\":2,\"num_key_value_heads\":2,\"pretraining_tp\":1,"
    "\"rms_norm_eps\":1e-05,\"rope_parameters\":{\"rope_theta\":10000.0,\"rope_type\":\"default\"},"
    "\"tie_word_embeddings\":false,\"vocab_size\":100}";

static const char mistral_tiny[] =
    "{\"architectures\":[\"MistralForCausalLM\"],\"bos_token_id\":1,\"eos_token_id\":2,\"head_dim\":6,"
    "\"hidden_act\":\"silu\",\"hidden_size\":24,\"intermediate_size\":40,\"max_position_embeddings\":64,"
    "\"model_type\":\"mistral\",\"num_attention_heads\":4,\"num_hidden_layers\":2,"
    "\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,\"rope_parameters\":{\"rope_theta\":10000.0,"
    "\"rope_type\":\"default\"},\"tie_word_embeddings\":false,\"vocab_size\":100}";

static const char qwen2_tiny[] =
    "{\"architectures\":[\"Qwen2ForCausalLM\"],\"hidden_act\":\"silu\",\"hidden_size\":24,"
    "\"intermediate_size\":40,\"layer_types\":[\"full_attention\",\"full_attention\"],"
    "\"max_position_embeddings\":64,\"max_window_layers\":28,\"model_type\":\"qwen2\","
    "\"num_attention_heads\":4,\"num_hidden_layers\":2,\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,"
    "\"rope_parameters\":{\"rope_theta\":1000000.0,\"rope_type\":\"default\"},"
    "\"tie_word_embeddings\":true,\"use_sliding_window\":false,\"vocab_size\":100}";

static const char qwen3_tiny[] =
    "{\"architectures\":[\"Qwen3ForCausalLM\"],\"attention_bias\":false,\"head_dim\":12,"
    "\"hidden_act\":\"silu\",\"hidden_size\":24,\"intermediate_size\":40,"
    "\"layer_types\":[\"full_attention\",\"full_attention\"],\"max_position_embeddings\":64,"
    "\"max_window_layers\":28,\"model_type\":\"qwen3\",\"num_attention_heads\":4,\"num_hidden_layers\":2,"
    "\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,\"rope_parameters\":{\"rope_theta\":1000000.0,"
    "\"rope_type\":\"default\"},\"tie_word_embeddings\":true,\"use_sliding_window\":false,"
    "\"vocab_size\":100}";

static const char clip_tiny[] =
    "{\"architectures\":[\"CLIPModel\"],\"model_type\":\"clip\",\"projection_dim\":20,"
    "\"text_config\":{\"bos_token_id\":49406,\"eos_token_id\":2,\"hidden_act\":\"quick_gelu\","
    "\"hidden_size\":24,\"intermediate_size\":40,\"layer_norm_eps\":1e-05,\"max_position_embeddings\":14,"
    "\"model_type\":\"clip_text_model\",\"num_attention_heads\":4,\"num_hidden_layers\":2,"
    "\"pad_token_id\":1,\"projection_dim\":512,\"vocab_size\":100},"
    "\"vision_config\":{\"hidden_act\":\"quick_gelu\",\"hidden_size\":28,\"image_size\":24,"
    "\"intermediate_size\":44,\"layer_norm_eps\":1e-05,\"model_type\":\"clip_vision_model\","
    "\"num_attention_heads\":2,\"num_channels\":3,\"num_hidden_layers\":2,\"patch_size\":8,"
    "\"projection_dim\":512}}";

static const char xclip_tiny[] =
    "{\"architectures\":[\"XCLIPModel\"],\"model_type\":\"xclip\",\"projection_dim\":20,"
    "\"prompt_alpha\":0.1,\"prompt_attention_dropout\":0.0,\"prompt_hidden_act\":\"quick_gelu\","
    "\"prompt_layers\":2,\"prompt_num_attention_heads\":4,\"prompt_projection_dropout\":0.0,"
    "\"text_config\":{\"bos_token_id\":0,\"eos_token_id\":2,\"hidden_act\":\"quick_gelu\","
    "\"hidden_size\":24,\"intermediate_size\":40,\"layer_norm_eps\":1e-05,\"max_position_embeddings\":14,"
    "\"model_type\":\"xclip_text_model\",\"num_attention_heads\":4,\"num_hidden_layers\":2,"
    "\"pad_token_id\":1,\"vocab_size\":100},\"vision_config\":{\"hidden_act\":\"quick_gelu\","
    "\"hidden_size\":28,\"image_size\":16,\"intermediate_size\":44,\"layer_norm_eps\":1e-05,"
    "\"mit_hidden_size\":20,\"mit_intermediate_size\":32,\"mit_num_attention_heads\":4,"
    "\"mit_num_hidden_layers\":1,\"model_type\":\"xclip_vision_model\",\"num_attention_heads\":2,"
    "\"num_channels\":3,\"num_frames\":3,\"num_hidden_layers\":2,\"patch_size\":8}}";

static const char vit_tiny[] =
    "{\"architectures\":[\"ViTForImageClassification\"],\"encoder_stride\":16,\"hidden_act\":\"gelu\","
    "\"hidden_size\":24,\"num_labels\":7,\"image_size\":24,\"intermediate_size\":40,"
    "\"layer_norm_eps\":1e-12,\"model_type\":\"vit\",\"num_attention_heads\":4,\"num_channels\":3,"
    "\"num_hidden_layers\":2,\"patch_size\":8,\"pooler_act\":\"tanh\",\"pooler_output_size\":24,"
    "\"qkv_bias\":true}";

static const char resnet_tiny[] =
    "{\"architectures\":[\"ResNetForImageClassification\"],\"depths\":[1,2,1,1],"
    "\"downsample_in_bottleneck\":false,\"downsample_in_first_stage\":false,\"embedding_size\":8,"
    "\"hidden_act\":\"relu\",\"hidden_sizes\":[16,24,32,40],\"num_labels\":7,"
    "\"layer_type\":\"bottleneck\",\"model_type\":\"resnet\",\"num_channels\":3,"
    "\"out_features\":[\"stage4\"],\"out_indices\":[4],\"stage_names\":[\"stem\",\"stage1\",\"stage2\","
    "\"stage3\",\"stage4\"]}";

static const char detr_tiny[] =
    "{\"activation_function\":\"relu\",\"architectures\":[\"DetrForObjectDetection\"],"
    "\"backbone_config\":{\"_name_or_path\":\"\",\"depths\":[1,1,2,1],\"downsample_in_bottleneck\":false,"
    "\"downsample_in_first_stage\":false,\"embedding_size\":8,\"hidden_act\":\"relu\","
    "\"hidden_sizes\":[16,24,32,40],\"num_labels\":2,\"is_encoder_decoder\":false,"
    "\"layer_type\":\"bottleneck\",\"model_type\":\"resnet\",\"num_channels\":3,"
    "\"out_features\":[\"stage4\"],\"out_indices\":[4],\"stage_names\":[\"stem\",\"stage1\",\"stage2\","
    "\"stage3\",\"stage4\"]},\"d_model\":24,\"decoder_attention_heads\":4,\"decoder_ffn_dim\":40,"
    "\"decoder_layers\":2,\"dilation\":false,\"encoder_attention_heads\":4,\"encoder_ffn_dim\":40,"
    "\"encoder_layers\":2,\"num_labels\":5,\"is_encoder_decoder\":true,\"model_type\":\"detr\","
    "\"num_channels\":3,\"num_queries\":7,\"position_embedding_type\":\"sine\","
    "\"use_timm_backbone\":false}";

static const char whisper_tiny_random[] =
    "{\"activation_function\":\"gelu\",\"architectures\":[\"WhisperForConditionalGeneration\"],"
    "\"bos_token_id\":96,\"d_model\":24,\"decoder_attention_heads\":3,\"decoder_ffn_dim\":36,"
    "\"decoder_layers\":2,\"decoder_start_token_id\":97,\"encoder_attention_heads\":4,"
    "\"encoder_ffn_dim\":40,\"encoder_layers\":2,\"eos_token_id\":96,\"is_encoder_decoder\":true,"
    "\"max_source_positions\":19,\"max_target_positions\":40,\"model_type\":\"whisper\","
    "\"num_mel_bins\":10,\"pad_token_id\":96,\"scale_embedding\":false,\"tie_word_embeddings\":true,"
    "\"vocab_size\":100}";

static const char wav2vec2_tiny[] =
    "{\"architectures\":[\"Wav2Vec2Model\"],\"bos_token_id\":1,\"conv_bias\":false,\"conv_dim\":[12,12,"
    "16],\"conv_kernel\":[10,3,2],\"conv_stride\":[5,2,2],\"do_stable_layer_norm\":false,"
    "\"eos_token_id\":2,\"feat_extract_activation\":\"gelu\",\"feat_extract_norm\":\"group\","
    "\"hidden_act\":\"gelu\",\"hidden_size\":24,\"intermediate_size\":40,\"layer_norm_eps\":1e-05,"
    "\"model_type\":\"wav2vec2\",\"num_attention_heads\":4,\"num_conv_pos_embedding_groups\":4,"
    "\"num_conv_pos_embeddings\":16,\"num_feat_extract_layers\":3,\"num_hidden_layers\":2,"
    "\"pad_token_id\":0,\"vocab_size\":20}";

static const char clap_tiny[] =
    "{\"architectures\":[\"ClapModel\"],\"audio_config\":{\"aff_block_r\":4,\"depths\":[2,2,2],"
    "\"enable_fusion\":false,\"enable_patch_layer_norm\":true,\"flatten_patch_embeds\":true,"
    "\"hidden_act\":\"gelu\",\"hidden_size\":32,\"layer_norm_eps\":1e-05,\"mlp_ratio\":2.0,"
    "\"model_type\":\"clap_audio_model\",\"num_attention_heads\":[2,2,4],\"num_classes\":527,"
    "\"num_hidden_layers\":3,\"num_mel_bins\":16,\"patch_embed_input_channels\":1,"
    "\"patch_embeds_hidden_size\":8,\"patch_size\":4,\"patch_stride\":[4,4],\"projection_dim\":20,"
    "\"projection_hidden_act\":\"relu\",\"qkv_bias\":true,\"spec_size\":64,\"window_size\":4},"
    "\"hidden_size\":24,\"model_type\":\"clap\",\"num_hidden_layers\":5,\"projection_dim\":20,"
    "\"projection_hidden_act\":\"relu\",\"text_config\":{\"bos_token_id\":0,\"eos_token_id\":2,"
    "\"hidden_act\":\"gelu\",\"hidden_size\":24,\"intermediate_size\":40,\"layer_norm_eps\":1e-12,"
    "\"max_position_embeddings\":20,\"model_type\":\"clap_text_model\",\"num_attention_heads\":4,"
    "\"num_hidden_layers\":2,\"pad_token_id\":1,\"projection_dim\":20,\"projection_hidden_act\":\"relu\","
    "\"type_vocab_size\":1,\"vocab_size\":100}}";

static const char llava_tiny[] =
    "{\"architectures\":[\"LlavaForConditionalGeneration\"],\"image_seq_length\":9,"
    "\"image_token_index\":98,\"model_type\":\"llava\",\"multimodal_projector_bias\":true,"
    "\"projector_hidden_act\":\"gelu\",\"text_config\":{\"attention_bias\":false,\"bos_token_id\":1,"
    "\"eos_token_id\":2,\"head_dim\":6,\"hidden_act\":\"silu\",\"hidden_size\":24,"
    "\"intermediate_size\":40,\"max_position_embeddings\":400,\"mlp_bias\":false,"
    "\"model_type\":\"llama\",\"num_attention_heads\":4,\"num_hidden_layers\":2,"
    "\"num_key_value_heads\":2,\"pretraining_tp\":1,\"rms_norm_eps\":1e-06,"
    "\"rope_parameters\":{\"rope_theta\":10000.0,\"rope_type\":\"default\"},"
    "\"tie_word_embeddings\":false,\"vocab_size\":100},\"tie_word_embeddings\":false,"
    "\"vision_config\":{\"hidden_act\":\"quick_gelu\",\"hidden_size\":20,\"image_size\":12,"
    "\"intermediate_size\":32,\"layer_norm_eps\":1e-05,\"model_type\":\"clip_vision_model\","
    "\"num_attention_heads\":2,\"num_channels\":3,\"num_hidden_layers\":3,\"patch_size\":4,"
    "\"projection_dim\":16},\"vision_feature_layer\":-2,\"vision_feature_select_strategy\":\"default\"}";

static const char llava_next_tiny[] =
    "{\"architectures\":[\"LlavaNextForConditionalGeneration\"],\"image_grid_pinpoints\":[[12,24],[24,"
    "12],[24,24],[36,12],[12,36]],\"image_seq_length\":9,\"image_token_index\":98,"
    "\"model_type\":\"llava_next\",\"multimodal_projector_bias\":true,\"projector_hidden_act\":\"gelu\","
    "\"text_config\":{\"bos_token_id\":1,\"eos_token_id\":2,\"head_dim\":6,\"hidden_act\":\"silu\","
    "\"hidden_size\":24,\"intermediate_size\":40,\"max_position_embeddings\":400,"
    "\"model_type\":\"mistral\",\"num_attention_heads\":4,\"num_hidden_layers\":2,"
    "\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,\"rope_parameters\":{\"rope_theta\":10000.0,"
    "\"rope_type\":\"default\"},\"tie_word_embeddings\":false,\"vocab_size\":100},"
    "\"tie_word_embeddings\":false,\"vision_config\":{\"hidden_act\":\"quick_gelu\",\"hidden_size\":20,"
    "\"image_size\":12,\"intermediate_size\":32,\"layer_norm_eps\":1e-05,"
    "\"model_type\":\"clip_vision_model\",\"num_attention_heads\":2,\"num_channels\":3,"
    "\"num_hidden_layers\":3,\"patch_size\":4,\"projection_dim\":16},\"vision_feature_layer\":-2,"
    "\"vision_feature_select_strategy\":\"default\"}";

static const char llava_onevision_tiny[] =
    "{\"architectures\":[\"LlavaOnevisionForConditionalGeneration\"],\"image_grid_pinpoints\":[[12,12],"
    "[12,24],[12,36],[12,48],[24,12],[24,24],[24,36],[24,48],[36,12],[36,24],[36,36],[36,48],[48,12],[48,"
    "24],[48,36],[48,48]],\"image_token_index\":98,\"model_type\":\"llava_onevision\","
    "\"multimodal_projector_bias\":true,\"projector_hidden_act\":\"gelu\","
    "\"text_config\":{\"hidden_act\":\"silu\",\"hidden_size\":24,\"intermediate_size\":40,"
    "\"layer_types\":[\"full_attention\",\"full_attention\"],\"max_position_embeddings\":400,"
    "\"max_window_layers\":28,\"model_type\":\"qwen2\",\"num_attention_heads\":4,\"num_hidden_layers\":2,"
    "\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,\"rope_parameters\":{\"rope_theta\":10000.0,"
    "\"rope_type\":\"default\"},\"tie_word_embeddings\":true,\"use_sliding_window\":false,"
    "\"vocab_size\":100},\"tie_word_embeddings\":true,\"video_token_index\":99,"
    "\"vision_aspect_ratio\":\"anyres_max_9\",\"vision_config\":{\"hidden_act\":\"gelu_pytorch_tanh\","
    "\"hidden_size\":20,\"image_size\":12,\"intermediate_size\":32,\"layer_norm_eps\":1e-06,"
    "\"model_type\":\"siglip_vision_model\",\"num_attention_heads\":2,\"num_channels\":3,"
    "\"num_hidden_layers\":2,\"patch_size\":4,\"vision_use_head\":false},\"vision_feature_layer\":-1,"
    "\"vision_feature_select_strategy\":\"full\"}";

static const char qwen2_vl_tiny[] =
    "{\"architectures\":[\"Qwen2VLForConditionalGeneration\"],\"image_token_id\":98,"
    "\"model_type\":\"qwen2_vl\",\"text_config\":{\"hidden_act\":\"silu\",\"hidden_size\":32,"
    "\"intermediate_size\":40,\"layer_types\":[\"full_attention\",\"full_attention\"],"
    "\"max_position_embeddings\":128,\"max_window_layers\":80,\"model_type\":\"qwen2_vl_text\","
    "\"num_attention_heads\":2,\"num_hidden_layers\":2,\"num_key_value_heads\":1,\"rms_norm_eps\":1e-06,"
    "\"rope_parameters\":{\"mrope_section\":[2,3,3],\"rope_theta\":1000000.0,\"rope_type\":\"default\"},"
    "\"use_sliding_window\":false,\"vocab_size\":100},\"tie_word_embeddings\":true,\"video_token_id\":99,"
    "\"vision_config\":{\"depth\":2,\"embed_dim\":16,\"hidden_act\":\"quick_gelu\",\"hidden_size\":32,"
    "\"in_channels\":3,\"mlp_ratio\":2,\"model_type\":\"qwen2_vl_vision\",\"num_heads\":2,"
    "\"patch_size\":4,\"rope_parameters\":{\"rope_theta\":10000.0,\"rope_type\":\"axial\"},"
    "\"spatial_merge_size\":2,\"temporal_patch_size\":2},\"vision_end_token_id\":97,"
    "\"vision_start_token_id\":96}";

static const char qwen3_vl_tiny[] =
    "{\"architectures\":[\"Qwen3VLForConditionalGeneration\"],\"image_token_id\":98,"
    "\"model_type\":\"qwen3_vl\",\"text_config\":{\"attention_bias\":false,\"head_dim\":16,"
    "\"hidden_act\":\"silu\",\"hidden_size\":24,\"intermediate_size\":40,\"max_position_embeddings\":128,"
    "\"model_type\":\"qwen3_vl_text\",\"num_attention_heads\":2,\"num_hidden_layers\":2,"
    "\"num_key_value_heads\":1,\"rms_norm_eps\":1e-06,\"rope_parameters\":{\"mrope_interleaved\":true,"
    "\"mrope_section\":[4,2,2],\"rope_theta\":5000000.0,\"rope_type\":\"default\"},\"vocab_size\":100},"
    "\"tie_word_embeddings\":true,\"video_token_id\":99,"
    "\"vision_config\":{\"deepstack_visual_indexes\":[0,2],\"depth\":3,"
    "\"hidden_act\":\"gelu_pytorch_tanh\",\"hidden_size\":16,\"in_channels\":3,\"intermediate_size\":24,"
    "\"model_type\":\"qwen3_vl_vision\",\"num_heads\":2,\"num_position_embeddings\":25,"
    "\"out_hidden_size\":24,\"patch_size\":4,\"rope_parameters\":{\"rope_theta\":10000.0,"
    "\"rope_type\":\"axial\"},\"spatial_merge_size\":2,\"temporal_patch_size\":2},"
    "\"vision_end_token_id\":97,\"vision_start_token_id\":96}";

#define MADE(name, family, modality, description, small, config)                                             \
    {{name, family, modality, description " (seeded random weights)", ZOO_GENERATED, small},                 \
     NULL,                                                                                                   \
     NULL,                                                                                                   \
     config}

const zoo_known zoo_made[] = {
    MADE("bert-tiny", "bert", "text", "BERT, 2 layers of 128", true, bert_tiny),
    MADE("bert-base-uncased", "bert", "text", "BERT, 12 layers of 768, masked words", false,
         bert_base_uncased),
    MADE("bert-base", "bert", "text", "BERT, 12 layers of 768, hidden states", false, bert_base),
    MADE("distilbert-base-uncased", "bert", "text", "DistilBERT, 6 layers of 768, masked words", false,
         distilbert_base_uncased),
    MADE("roberta-base", "bert", "text", "RoBERTa, 12 layers of 768, masked words", false, roberta_base),
    MADE("t5-efficient-tiny", "t5", "text", "T5, 4 + 4 layers of 256", true, t5_efficient_tiny),
    MADE("t5-small", "t5", "text", "T5, 6 + 6 layers of 512", false, t5_small),
    MADE("opt-125m", "llama", "text", "OPT, 12 layers of 768", true, opt_125m),
    MADE("gpt2", "llama", "text", "GPT-2, 12 layers of 768", false, gpt2),
    MADE("tinyllama-1.1b-chat-v1.0", "llama", "text", "Llama, 22 layers of 2048", false,
         tinyllama_1_1b_chat_v1_0),
    MADE("llama-7b", "llama", "text", "Llama, 32 layers of 4096", false, llama_7b),
    MADE("llama-reduced", "llama", "text", "Llama cut down to 4 layers of 512", true, llama_reduced),
    MADE("qwen2-0.5b", "qwen2", "text", "Qwen2, 24 layers of 896", true, qwen2_0_5b),
    MADE("qwen3-0.6b", "qwen2", "text", "Qwen3, 28 layers of 1024", true, qwen3_0_6b),
    MADE("clip-vit-base-patch32", "clip", "multimodal", "CLIP, pictures and texts compared", true,
         clip_vit_base_patch32),
    MADE("xclip-base-patch32", "xclip", "multimodal", "X-CLIP, videos of 8 frames and texts compared", true,
         xclip_base_patch32),
    MADE("vit-base-patch16-224", "vit", "image", "ViT, 12 layers of 768, 1000 labels", true,
         vit_base_patch16_224),
    MADE("resnet-50", "resnet", "image", "ResNet-50, 1000 labels", false, resnet_50),
    MADE("detr-resnet-50", "detr", "image", "DETR on ResNet-50, 100 boxes", true, detr_resnet_50),
    MADE("whisper-tiny", "whisper", "audio", "Whisper, 4 + 4 layers of 384", true, whisper_tiny),
    MADE("wav2vec2-base", "wav2vec2", "audio", "Wav2Vec2, 12 layers of 768", true, wav2vec2_base),
    MADE("clap-htsat-unfused", "clap", "multimodal", "CLAP, sounds and texts compared", true,
         clap_htsat_unfused),
    MADE("llava-1.5-7b-hf", "llava", "multimodal", "LLaVA 1.5 on Llama 7B", false, llava_1_5_7b_hf),
    MADE("llava-1.5-reduced", "llava", "multimodal", "LLaVA 1.5 cut down to 4 layers of 512 and 4 of 256",
         true, llava_1_5_reduced),
    MADE("llava-onevision-qwen2-0.5b", "llava", "multimodal", "LLaVA-OneVision on Qwen2 0.5B", true,
         llava_onevision_qwen2_0_5b),
    MADE("llava-v1.6-mistral-7b-hf", "llava_next", "multimodal", "LLaVA-NeXT on Mistral 7B", false,
         llava_v1_6_mistral_7b_hf),
    MADE("llava-next-reduced", "llava_next", "multimodal",
         "LLaVA-NeXT cut down to 4 layers of 512 and 4 of 256", true, llava_next_reduced),
    MADE("qwen2-vl-2b-instruct", "qwen2_vl", "multimodal", "Qwen2-VL, 28 layers of 1536", false,
         qwen2_vl_2b_instruct),
    MADE("qwen2-vl-reduced", "qwen2_vl", "multimodal", "Qwen2-VL cut down to 4 layers of 768 and 4 of 320",
         true, qwen2_vl_reduced),
    MADE("qwen3-vl-2b-instruct", "qwen3_vl", "multimodal", "Qwen3-VL, 28 layers of 2048", false,
         qwen3_vl_2b_instruct),
    MADE("qwen3-vl-reduced", "qwen3_vl", "multimodal", "Qwen3-VL cut down to 4 layers of 512 and 4 of 256",
         true, qwen3_vl_reduced),
    MADE("distilbert-tiny", "bert", "text", "DistilBERT at its smallest, for tests", false, distilbert_tiny),
    MADE("roberta-tiny", "bert", "text", "RoBERTa at its smallest, for tests", false, roberta_tiny),
    MADE("t5-tiny", "t5", "text", "T5 at its smallest, for tests", false, t5_tiny),
    MADE("opt-tiny", "llama", "text", "OPT at its smallest, for tests", false, opt_tiny),
    MADE("gpt2-tiny", "llama", "text", "GPT-2 at its smallest, for tests", false, gpt2_tiny),
    MADE("llama-tiny", "llama", "text", "Llama at its smallest, for tests", false, llama_tiny),
    MADE("mistral-tiny", "llama", "text", "Mistral at its smallest, for tests", false, mistral_tiny),
    MADE("qwen2-tiny", "qwen2", "text", "Qwen2 at its smallest, for tests", false, qwen2_tiny),
    MADE("qwen3-tiny", "qwen2", "text", "Qwen3 at its smallest, for tests", false, qwen3_tiny),
    MADE("clip-tiny", "clip", "multimodal", "CLIP at its smallest, for tests", false, clip_tiny),
    MADE("xclip-tiny", "xclip", "multimodal", "X-CLIP at its smallest, for tests", false, xclip_tiny),
    MADE("vit-tiny", "vit", "image", "ViT at its smallest, for tests", false, vit_tiny),
    MADE("resnet-tiny", "resnet", "image", "ResNet at its smallest, for tests", false, resnet_tiny),
    MADE("detr-tiny", "detr", "image", "DETR at its smallest, for tests", false, detr_tiny),
    MADE("whisper-tiny-random", "whisper", "audio", "Whisper at its smallest, for tests", false,
         whisper_tiny_random),
    MADE("wav2vec2-tiny", "wav2vec2", "audio", "Wav2Vec2 at its smallest, for tests", false, wav2vec2_tiny),
    MADE("clap-tiny", "clap", "multimodal", "CLAP at its smallest, for tests", false, clap_tiny),
    MADE("llava-tiny", "llava", "multimodal", "LLaVA 1.5 at its smallest, for tests", false, llava_tiny),
    MADE("llava-next-tiny", "llava_next", "multimodal", "LLaVA-NeXT at its smallest, for tests", false,
         llava_next_tiny),
    MADE("llava-onevision-tiny", "llava", "multimodal", "LLaVA-OneVision at its smallest, for tests", false,
         llava_onevision_tiny),
    MADE("qwen2-vl-tiny", "qwen2_vl", "multimodal", "Qwen2-VL at its smallest, for tests", false,
         qwen2_vl_tiny),
    MADE("qwen3-vl-tiny", "qwen3_vl", "multimodal", "Qwen3-VL at its smallest, for tests", false,
         qwen3_vl_tiny),
};
const size_t zoo_made_count = sizeof zoo_made / sizeof zoo_made[0];
